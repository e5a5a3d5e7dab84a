/* carbon.h - operational carbon of energy drawn from a grid.
 *
 *     kg CO2e = kWh x g CO2e/kWh / 1000
 * Location-based, on the site's energy (PUE included), as SCI has it (ISO/IEC 21031:2024). Embodied carbon is apart.
 * Check value: 1,000 kWh at 369.5 g/kWh -> 369.5 kg. */
#ifndef TOKENMILL_MODELS_CARBON_H
#define TOKENMILL_MODELS_CARBON_H

static inline double carbon_kgco2e(double site_kwh, double grid_gco2e_per_kwh) {
    return site_kwh * grid_gco2e_per_kwh / 1000;
}

#endif
