# bash completion of tokenmill(1)

_tokenmill() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
    local study="--set --seed --jobs --output --json --csv --strict --stepwise --catalog --quiet --help"
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "run sweep screen validate calibrate check schema catalog help --help --version" -- "$word"))
        return
    fi
    case $previous in
        -o | --output | --csv | --svg | --requests | --series | --base) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --catalog | --recipes) COMPREPLY=($(compgen -d -- "$word")); return ;;
        --set | --seed | --jobs | -j | --point | --hold-out | --gpu | --model | --tensor-parallel | --precision | --engine) return ;;
    esac
    if [[ $word == -* ]]; then
        case $command in
            run) COMPREPLY=($(compgen -W "$study --requests --series --point" -- "$word")) ;;
            sweep) COMPREPLY=($(compgen -W "$study" -- "$word")) ;;
            screen) COMPREPLY=($(compgen -W "--set --seed --json --csv --catalog --quiet --help" -- "$word")) ;;
            validate) COMPREPLY=($(compgen -W "--set --seed --jobs --json --csv --svg --recipes --stepwise --catalog --quiet --help" -- "$word")) ;;
            calibrate) COMPREPLY=($(compgen -W "--seed --jobs --output --json --recipes --base --hold-out --gpu --model --tensor-parallel --precision --engine --stepwise --catalog --quiet --help" -- "$word")) ;;
            check) COMPREPLY=($(compgen -W "--set --seed --json --catalog --quiet --help" -- "$word")) ;;
            schema) COMPREPLY=($(compgen -W "--markdown --metrics --help" -- "$word")) ;;
            catalog) COMPREPLY=($(compgen -W "--json --catalog --help" -- "$word")) ;;
        esac
        return
    fi
    case $command in
        catalog) COMPREPLY=($(compgen -W "gpus models images apis regions" -- "$word")) ;;
        help) COMPREPLY=($(compgen -W "run sweep screen validate calibrate check schema catalog" -- "$word")) ;;
        calibrate) COMPREPLY=($(compgen -f -X '!*.@(csv|json|jsonl)' -- "$word") $(compgen -d -- "$word")) ;;
        validate) COMPREPLY=($(compgen -f -X '!*.csv' -- "$word") $(compgen -d -- "$word")) ;;
        run | sweep | screen | check) COMPREPLY=($(compgen -f -X '!*.y?(a)ml' -- "$word") $(compgen -d -- "$word")) ;;
    esac
}
complete -o filenames -F _tokenmill tokenmill
