"""The manual page, the completion and docs/cli.md name every command and every option, and no other."""

import re
import subprocess

from common import Case, SOURCE, TOKENMILL, main

COMMANDS = ["run", "sweep", "screen", "validate", "calibrate", "check", "schema", "catalog"]


def options_of(command):
    text = subprocess.run([TOKENMILL, "help", command], check=True, stdout=subprocess.PIPE, text=True).stdout
    return set(re.findall(r"(?m)^  .{4}--([a-z-]+)", text))


class Manual(Case):
    def test_the_manual_page_lists_all(self):
        text = (SOURCE / "cli" / "tokenmill.1").read_text().replace("\\-", "-")
        for command in COMMANDS:
            self.assertIn(f".B {command}", text)
            for option in options_of(command):
                self.assertIn(f"--{option}", text)

    def test_the_page_in_docs_lists_all(self):
        text = (SOURCE / "docs" / "cli.md").read_text()
        known = set().union(*map(options_of, COMMANDS)) | {"version"}
        for command in COMMANDS:
            self.assertIn(f"`{command}", text)
        self.assertEqual(set(re.findall(r"--([a-z][a-z-]*)", text)), known)

    def test_completion_offers_what_each_command_takes(self):
        script = SOURCE / "cli" / "tokenmill.bash"
        for command in COMMANDS:
            probe = (f'. "{script}"; COMP_WORDS=(tokenmill {command} --); COMP_CWORD=2; _tokenmill; '
                     'printf "%s\\n" "${COMPREPLY[@]}"')
            offered = subprocess.run(["bash", "-c", probe], check=True, stdout=subprocess.PIPE, text=True).stdout
            self.assertEqual({word.strip("- ") for word in offered.split()}, options_of(command), command)


if __name__ == "__main__":
    main()
