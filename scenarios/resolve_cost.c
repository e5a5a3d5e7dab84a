/* Prices: what a pool pays, what the fleet pays, and which blocks go together (docs/semantics.md section 8). */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "scenarios/resolve.h"

/* The keys of the top block that hold for single pools. */
static const struct node *top_for_pools(struct resolver *resolver, const struct block *pool_block) {
    const struct node *top = view_node(&resolver->root, "cost");
    if (top == NULL || top->kind != NODE_MAP) {
        return NULL;
    }
    const struct node *result = top;
    for (size_t i = 0; i < top->count; i++) {
        if (block_field(pool_block, span_of(top->entries[i].key)) == NULL) {
            result = node_without(resolver->arena, result, top->entries[i].key);
        }
    }
    return result;
}

/* A pool with a deal of its own does not inherit the keys that this deal has no use for. */
static const struct node *lay_on(struct resolver *resolver, const struct node *top, const struct node *own,
                                 const struct block *block) {
    const struct node *both = schema_merge(resolver->arena, top, own);
    const struct node *result = both;
    for (size_t i = 0; i < top->count; i++) {
        const char *key = top->entries[i].key;
        const struct field *field = block_field(block, span_of(key));
        if (node_find(own, key) == NULL && field != NULL && !field_applies(field, block, both)) {
            result = node_without(resolver->arena, result, key);
        }
    }
    return result;
}

struct view resolve_cost_view(struct resolver *resolver, const struct view *pool) {
    struct view view = view_block(resolver->arena, pool, "cost");
    const struct node *top = top_for_pools(resolver, view.block);
    if (view.map == NULL) {
        view.map = top;
        view.path = "cost";
        view.at = top == NULL ? pool->at : top->at;
    } else if (top != NULL) {
        view.map = lay_on(resolver, top, view.map, view.block);
    }
    return view;
}

/* --- rental --- */

static bool blank_price(struct resolver *resolver, struct position at, const char *key, const char *gpu,
                        const char *why) {
    return diag_error(resolver->diags, at, "blank-price", "%s: %s%s%s; give a number", key, why,
                      gpu[0] == '\0' ? "" : " for ", gpu);
}

/* The price that a map by GPU has for this one, by name or alias. */
static const struct node *price_in_map(struct resolver *resolver, const struct node *map, const struct gpu *gpu) {
    const struct catalog *catalog = resolver->context->catalog;
    size_t row = catalog_find(catalog, CATALOG_GPUS, span_of(gpu->name));
    for (size_t i = 0; i < map->count; i++) {
        struct span key = span_of(map->entries[i].key);
        bool is_same_row = row != SIZE_MAX && catalog_find(catalog, CATALOG_GPUS, key) == row;
        if (is_same_row || span_equals(key, gpu->name)) {
            return map->entries[i].value;
        }
    }
    return NULL;
}

static double catalogue_price(const struct gpu *gpu, const char *key, enum deal deal) {
    if (strcmp(key, "gpu_price_usd") == 0) {
        return gpu->gpu_price_usd;
    }
    if (deal == DEAL_SPOT) {
        return (double)NAN;
    }
    return deal == DEAL_RESERVED ? gpu->reserved_3y_usd_per_hour : gpu->rental_typ_usd_per_hour;
}

static const char *price_kind(const char *key, enum deal deal) {
    if (strcmp(key, "gpu_price_usd") == 0) {
        return "typical purchase price";
    }
    return deal == DEAL_RESERVED ? "3-year reserved price" : deal == DEAL_SPOT ? "spot price" : "on-demand price";
}

/* A price of one GPU under `key`: a number, a map by GPU, or the catalogue's. */
static bool gpu_price(struct resolver *resolver, const struct view *view, const char *key, const struct gpu *gpu,
                      size_t index, double *price) {
    const struct field *field = block_field(view->block, span_of(key));
    const struct node *node = view_node(view, key);
    struct pool_facts *facts = &resolver->point->pools[index];
    struct cost_terms *terms = &resolver->point->costs[index];
    const char *path = view_path(resolver->arena, view, key);
    const char *unit = strcmp(key, "gpu_price_usd") == 0 ? "USD" : "USD/h";
    if (node != NULL && node->kind == NODE_MAP) {
        node = gpu == NULL ? NULL : price_in_map(resolver, node, gpu);
        if (node == NULL) {
            return blank_price(resolver, view_at(view, key), path, facts->gpu, "the map has no price");
        }
    }
    double number = node == NULL ? (double)NAN : field_number(field, node);
    if (!isnan(number)) {
        *price = number;
        facts->price_source = arena_format(resolver->arena, "%s = %g %s (given)", path, number, unit);
        return true;
    }
    const char *kind = price_kind(key, terms->deal);
    number = gpu == NULL ? (double)NAN : catalogue_price(gpu, key, terms->deal);
    if (isnan(number)) {
        const char *why = gpu == NULL ? "without a GPU there is no catalogue price"
                                      : arena_format(resolver->arena, "the catalogue has no %s", kind);
        return blank_price(resolver, node == NULL ? view->at : node->at, path, facts->gpu, why);
    }
    *price = number;
    facts->price_source = arena_format(resolver->arena, "catalogue %s %g %s (%s, %s, %s)", kind, number, unit,
                                       gpu->name, gpu->source, gpu->as_of);
    resolver_assume(resolver, path, facts->price_source);
    return true;
}

static bool not_with(struct resolver *resolver, const struct view *view, const char *key, const char *other,
                     const char *advice) {
    return diag_error(resolver->diags, view_at(view, key), "cost-combination", "%s: '%s' does not go with '%s'; %s",
                      view->path, key, other, advice);
}

static bool rental(struct resolver *resolver, const struct view *view, const struct gpu *gpu, size_t index) {
    struct cost_terms *terms = &resolver->point->costs[index];
    const char *deal = arena_format(resolver->arena, "deal: %s", deal_name(terms->deal));
    bool is_ok = true;
    terms->electricity_included = true;
    if (view_has(view, "electricity") && !view_is(view, "electricity", "included")) {
        is_ok =
            not_with(resolver, view, "electricity", deal, "a rent includes electricity: write `electricity: included`");
    }
    if (view_has(view, "facility")) {
        is_ok = not_with(resolver, view, "facility", deal, "a rent includes the building");
    }
    if (!view_has(view, "electricity") && gpu != NULL) {
        resolver_assume(resolver, view_path(resolver->arena, view, "electricity"), "included in the rent");
    }
    if (terms->deal == DEAL_SPOT) {
        resolver_assume(resolver, view_path(resolver->arena, view, "deal"), "spot: interruptions are not simulated");
    }
    struct view commitments = view_block(resolver->arena, view, "commitments");
    bool has_commitments = commitments.map != NULL;
    if (has_commitments && !view_has(view, "gpu_usd_per_hour")) {
        return diag_error(resolver->diags, view_at(view, "commitments"), "missing-key",
                          "%s: 'commitments' need 'gpu_usd_per_hour' for the GPUs above them", view->path);
    }
    if (!gpu_price(resolver, view, "gpu_usd_per_hour", gpu, index, &terms->gpu_usd_per_hour)) {
        return false;
    }
    if (terms->deal == DEAL_RESERVED) {
        const struct pool_facts *facts = &resolver->point->pools[index];
        terms->committed_gpus = has_commitments ? (double)view_integer(&commitments, "gpus") : (double)facts->gpus_paid;
        terms->committed_usd_per_hour =
            has_commitments ? view_number(&commitments, "usd_per_hour") : terms->gpu_usd_per_hour;
    }
    return is_ok;
}

/* --- owned --- */

static double number_or_0(const struct view *view, const char *key) {
    double value = view_number(view, key);
    return isnan(value) ? 0 : value;
}

/* A default that the price stands on: printed unless the scenario says it. */
static void assume_default(struct resolver *resolver, const struct view *view, const char *key, const char *unit,
                           const char *zero) {
    if (view_has(view, key)) {
        return;
    }
    const double value = view_number(view, key);
    resolver_assume(resolver, view_path(resolver->arena, view, key),
                    value == 0 ? zero : arena_format(resolver->arena, "%g%s", value, unit));
}

static const char CAPITAL_IS_FREE[] = "0: capital costs nothing";

static void assume_owned(struct resolver *resolver, const struct view *view) {
    assume_default(resolver, view, "life", " years", "");
    assume_default(resolver, view, "discount_rate", " a year", CAPITAL_IS_FREE);
    assume_default(resolver, view, "residual_ratio", " of the price", "0: worth nothing at the end of its life");
    assume_default(resolver, view, "maintenance_ratio_per_year", " of the price, each year", "0: not included");
    assume_default(resolver, view, "spares_ratio", " of the GPUs", "0: no spares");
}

static bool owned_hardware(struct resolver *resolver, const struct view *view, const struct gpu *gpu, size_t index) {
    static const char *const parts[] = {"gpu_price_usd", "server_usd_per_gpu", "network_usd_per_gpu",
                                        "storage_usd_per_gpu"};
    struct cost_terms *terms = &resolver->point->costs[index];
    terms->life_year = view_number(view, "life");
    terms->discount_rate = view_number(view, "discount_rate");
    terms->residual_ratio = view_number(view, "residual_ratio");
    terms->maintenance_ratio_per_year = view_number(view, "maintenance_ratio_per_year");
    terms->spares_ratio = view_number(view, "spares_ratio");
    assume_owned(resolver, view);
    if (view_has(view, "system_usd_per_gpu")) {
        terms->system_usd_per_gpu = view_number(view, "system_usd_per_gpu");
        resolver->point->pools[index].price_source =
            arena_format(resolver->arena, "system_usd_per_gpu = %g USD (given)", terms->system_usd_per_gpu);
        bool is_ok = true;
        for (size_t i = 0; i < 4; i++) {
            if (view_has(view, parts[i])) {
                is_ok = not_with(resolver, view, parts[i], "system_usd_per_gpu",
                                 "it is everything that is bought; keep one");
            }
        }
        return is_ok;
    }
    terms->server_usd_per_gpu = number_or_0(view, "server_usd_per_gpu");
    terms->network_usd_per_gpu = number_or_0(view, "network_usd_per_gpu");
    terms->storage_usd_per_gpu = number_or_0(view, "storage_usd_per_gpu");
    for (size_t i = 1; i < 4; i++) {
        if (!view_has(view, parts[i])) {
            resolver_assume(resolver, view_path(resolver->arena, view, parts[i]), "0 USD: not included");
        }
    }
    return gpu_price(resolver, view, "gpu_price_usd", gpu, index, &terms->gpu_price_usd);
}

static bool tariff(struct resolver *resolver, const struct view *view, struct cost_terms *terms) {
    struct view electricity = view_block(resolver->arena, view, "electricity");
    if (view_is(view, "electricity", "included")) {
        const char *other = terms->facility == FACILITY_NONE ? "deal: owned" : "facility";
        return not_with(resolver, view, "electricity", other,
                        "only a rent or a colocation with `power: included` includes electricity: give a tariff");
    }
    if (electricity.map == NULL) {
        return diag_error(resolver->diags, view->at, "missing-key",
                          "%s: owned GPUs need 'electricity: {tariff: ...}' (or electricity_usd_per_kwh)", view->path);
    }
    terms->electricity_usd_per_kwh = view_number(&electricity, "tariff");
    terms->demand_usd_per_kw_month = view_number(&electricity, "demand_usd_per_kw_month");
    return true;
}

static enum facility_kind facility_of(const struct view *facility) {
    if (facility->map == NULL) {
        return FACILITY_NONE;
    }
    if (view_is(facility, "kind", "own-build")) {
        return FACILITY_OWN_BUILD;
    }
    return view_is(facility, "power", "included") ? FACILITY_COLO_INCLUDED : FACILITY_COLO_METERED;
}

static bool owned_site(struct resolver *resolver, const struct view *view, size_t index) {
    struct cost_terms *terms = &resolver->point->costs[index];
    struct view facility = view_block(resolver->arena, view, "facility");
    terms->facility = facility_of(&facility);
    terms->facility_usd_per_kw_month = number_or_0(&facility, "usd_per_kw_month");
    terms->facility_usd_per_site_kw = number_or_0(&facility, "usd_per_site_kw");
    terms->facility_life_year = view_number(&facility, "life");
    terms->facility_discount_rate = view_number(&facility, "discount_rate");
    if (terms->facility == FACILITY_NONE) {
        resolver->point->facility_not_included = true;
        resolver_assume(resolver, view_path(resolver->arena, view, "facility"), "not included");
    }
    if (terms->facility == FACILITY_OWN_BUILD) {
        assume_default(resolver, &facility, "life", " years", "");
        assume_default(resolver, &facility, "discount_rate", " a year", CAPITAL_IS_FREE);
    }
    if (terms->facility == FACILITY_COLO_INCLUDED) {
        terms->electricity_included = true;
        bool has_tariff = view_has(view, "electricity") && !view_is(view, "electricity", "included");
        return !has_tariff || not_with(resolver, view, "electricity", "facility.power: included",
                                       "the space's price includes energy: leave the tariff out");
    }
    return tariff(resolver, view, terms);
}

bool resolve_pool_cost(struct resolver *resolver, const struct view *pool, const struct gpu *gpu, size_t index) {
    struct view view = resolve_cost_view(resolver, pool);
    struct cost_terms *terms = &resolver->point->costs[index];
    const struct field *deals = block_field(view.block, span_of("deal"));
    struct view carbon = view_block(resolver->arena, &resolver->root, "carbon");
    struct view cost = view_block(resolver->arena, &resolver->root, "cost");
    struct view network = view_block(resolver->arena, &cost, "network");
    terms->deal = (enum deal)words_find(deals->words, span_of(view_text(&view, "deal")));
    terms->software_usd_per_gpu_year = view_number(&view, "software_usd_per_gpu_year");
    terms->egress_usd_per_gb = view_number(&network, "egress_usd_per_gb");
    terms->carbon_usd_per_t = view_number(&carbon, "usd_per_t");
    if (!view_has(&view, "deal") && gpu != NULL) {
        resolver_assume(resolver, view_path(resolver->arena, &view, "deal"), "on-demand");
    }
    if (terms->deal != DEAL_OWNED) {
        return rental(resolver, &view, gpu, index);
    }
    bool is_ok = owned_hardware(resolver, &view, gpu, index);
    return owned_site(resolver, &view, index) && is_ok;
}

/* --- the fleet --- */

static bool resolve_staff(struct resolver *resolver, const struct view *cost) {
    struct view staff = view_block(resolver->arena, cost, "staff");
    struct fleet_terms *terms = &resolver->point->fleet_cost;
    terms->fte_min = view_number(&staff, "fte_min");
    terms->fte_per_gpu = view_number(&staff, "fte_per_gpu");
    terms->loaded_usd_per_fte_year = number_or_0(&staff, "loaded_usd_per_fte_year");
    if (staff.map == NULL) {
        resolver_assume(resolver, "cost.staff", "nobody");
        return true;
    }
    bool has_people = view_has(&staff, "fte_min") || view_has(&staff, "fte_per_gpu");
    if (has_people == view_has(&staff, "loaded_usd_per_fte_year")) {
        return true;
    }
    return diag_error(resolver->diags, staff.at, "missing-key",
                      has_people ? "%s: people need a salary: 'loaded_usd_per_fte_year' (or salary_usd_per_year)"
                                 : "%s: a salary needs people: 'fte_min' or 'fte_per_gpu' (or staff_fte)",
                      staff.path);
}

static bool resolve_currency(struct resolver *resolver, const struct view *cost) {
    resolver->point->currency = view_text(cost, "currency");
    resolver->point->usd_per_currency = view_number(cost, "usd_per_currency");
    if (view_has(cost, "currency") == view_has(cost, "usd_per_currency")) {
        return true;
    }
    return diag_error(resolver->diags, cost->at, "missing-key", "cost: 'currency' and 'usd_per_currency' go together");
}

static bool resolve_carbon(struct resolver *resolver) {
    struct view carbon = view_block(resolver->arena, &resolver->root, "carbon");
    struct resolved_point *point = resolver->point;
    point->grid_gco2e_per_kwh = view_number(&carbon, "gco2e_per_kwh");
    if (view_has(&carbon, "region") && view_has(&carbon, "gco2e_per_kwh")) {
        return diag_error(resolver->diags, view_at(&carbon, "region"), "key-conflict",
                          "carbon has both 'region' and 'gco2e_per_kwh'; keep one");
    }
    if (view_has(&carbon, "region")) {
        const struct node *node = view_node(&carbon, "region");
        const struct region *region =
            catalog_region(resolver->context->catalog, span_of(node->text), resolver->diags, node->at);
        if (region == NULL) {
            return false;
        }
        point->grid_gco2e_per_kwh = region->grid_gco2e_per_kwh;
        if (isnan(region->grid_gco2e_per_kwh)) {
            return blank_price(resolver, node->at, "carbon.region", region->name,
                               "the catalogue has no carbon intensity");
        }
        resolver_assume(resolver, "carbon.region",
                        arena_format(resolver->arena, "%g gCO2e/kWh, constant (%s, %g, %s)", region->grid_gco2e_per_kwh,
                                     region->long_name, region->grid_year, region->source));
    }
    point->carbon_known = !isnan(point->grid_gco2e_per_kwh);
    if (!point->carbon_known && view_has(&carbon, "usd_per_t")) {
        return diag_error(resolver->diags, carbon.at, "missing-key",
                          "carbon: a price needs 'region' or 'gco2e_per_kwh'");
    }
    return true;
}

static bool resolve_api(struct resolver *resolver, const struct node *node, struct api_price *price) {
    const struct api_price_row *row =
        catalog_api_price(resolver->context->catalog, span_of(node->text), resolver->diags, node->at);
    if (row == NULL) {
        return false;
    }
    if (isnan(row->input_usd_per_mtok) || isnan(row->output_usd_per_mtok)) {
        return blank_price(resolver, node->at, "compare.api", row->name, "the catalogue has no price per token");
    }
    *price = (struct api_price){.name = row->name,
                                .usd_per_mtok_input = row->input_usd_per_mtok,
                                .usd_per_mtok_output = row->output_usd_per_mtok,
                                .source = arena_format(resolver->arena, "%s, %s", row->source, row->as_of)};
    return true;
}

static bool resolve_apis(struct resolver *resolver) {
    struct view compare = view_block(resolver->arena, &resolver->root, "compare");
    const struct node *node = compare.map == NULL ? NULL : view_node(&compare, "api");
    if (node == NULL) {
        return true;
    }
    size_t count = node->kind == NODE_LIST ? node->count : 1;
    bool is_ok = true;
    resolver->point->apis = arena_alloc(resolver->arena, count + 1, sizeof(struct api_price));
    for (size_t i = 0; i < count; i++) {
        const struct node *item = node->kind == NODE_LIST ? node->items[i] : node;
        is_ok = resolve_api(resolver, item, &resolver->point->apis[i]) && is_ok;
    }
    resolver->point->api_count = count;
    return is_ok;
}

/* Does a pool pay for energy by the kWh? */
static bool pays_electricity(const struct resolved_point *point) {
    for (size_t i = 0; i < point->sim.pool_count; i++) {
        if (point->costs[i].deal == DEAL_OWNED && !point->costs[i].electricity_included) {
            return true;
        }
    }
    return false;
}

bool resolve_fleet_cost(struct resolver *resolver) {
    struct view cost = view_block(resolver->arena, &resolver->root, "cost");
    struct view network = view_block(resolver->arena, &cost, "network");
    struct view power = view_block(resolver->arena, &resolver->root, "power");
    struct resolved_point *point = resolver->point;
    point->pue = view_number(&power, "pue");
    point->psu_efficiency = view_number(&power, "psu_efficiency");
    point->egress_usd_per_gb = view_number(&network, "egress_usd_per_gb");
    point->out_byte_per_tok = view_number(&network, "byte_per_output_token");
    point->fleet_cost.one_off_usd = view_number(&cost, "one_off_usd");
    point->fleet_cost.one_off_life_year = view_number(&cost, "one_off_life");
    if (!view_has(&power, "psu_efficiency") && pays_electricity(point)) {
        resolver_assume(
            resolver, "power.psu_efficiency",
            arena_format(resolver->arena, "%g of the wall's power reaches the boards", point->psu_efficiency));
    }
    if (!view_has(&power, "pue")) {
        resolver_assume(resolver, "power.pue", "1.2 (a modern site; Uptime 2025 mean of all sites: 1.54)");
    }
    bool is_ok = resolve_staff(resolver, &cost);
    is_ok = resolve_currency(resolver, &cost) && is_ok;
    is_ok = resolve_carbon(resolver) && is_ok;
    return resolve_apis(resolver) && is_ok;
}
