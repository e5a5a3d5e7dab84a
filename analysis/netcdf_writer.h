/* netcdf_writer.h - the few things of netCDF-4 that a results file needs, written with plain HDF5.
 *
 * The file is built in memory and handed over as bytes: HDF5 1.10 crashes at exit after a write that failed (disk full).
 *
 * What makes an HDF5 file netCDF-4: dimension scales (H5DS), creation order tracked and indexed, no type that netCDF lacks. Time
 * stamps are off, so that equal contents give equal bytes. A first failure is kept; after it every call does
 * nothing, and netcdf_close reports it. Private to analysis/. */
#ifndef TOKENMILL_ANALYSIS_NETCDF_WRITER_H
#define TOKENMILL_ANALYSIS_NETCDF_WRITER_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NETCDF_RANK_MAX = H5S_MAX_RANK, NETCDF_REASON_SIZE = 200 };

enum netcdf_type { NETCDF_REAL, NETCDF_INT64, NETCDF_INT8, NETCDF_TEXT };

/* Of NETCDF_INT64 where a value is missing; netCDF's own default. */
#define NETCDF_INT64_MISSING (-9223372036854775806LL)

struct netcdf_writer {
    hid_t file;
    hid_t text_type;
    struct netcdf_dimension *dimensions; // owned
    size_t dimension_count;
    void *image; // owned: the file's bytes, once it is closed
    bool failed;
    char reason[NETCDF_REASON_SIZE]; /* of the first failure */
};

struct netcdf_variable {
    const char *name;
    enum netcdf_type type;
    const size_t *dimensions; /* outermost first */
    size_t rank;
    const void *values; /* double, int64_t, int8_t, const char *; row by row */
    bool has_missing;   /* NETCDF_INT64: some values are NETCDF_INT64_MISSING */
};

/* An attribute: text, or NULL where there is none. */
struct netcdf_attribute {
    const char *name, *text;
};

bool netcdf_open(struct netcdf_writer *writer);

/* Releases all; false if anything failed since netcdf_open, this call included. True: `*image` has the `*size` bytes of the file;
 * the caller frees it. */
bool netcdf_close(struct netcdf_writer *writer, void **image, size_t *size);

/* Attributes of the file. */
void netcdf_put_text(struct netcdf_writer *writer, const char *name, const char *text);
void netcdf_put_uint64(struct netcdf_writer *writer, const char *name, uint64_t value);

/* A dimension with the coordinate variable of its name: `values` has `length` doubles or texts. Returns its index. */
size_t netcdf_put_dimension(struct netcdf_writer *writer, const char *name, size_t length, enum netcdf_type type,
                            const void *values, const struct netcdf_attribute *attributes, size_t attribute_count);

/* A variable over dimensions that were put before. Reals get a NaN `_FillValue`, int8 flag_values and flag_meanings. */
void netcdf_put_variable(struct netcdf_writer *writer, const struct netcdf_variable *variable,
                         const struct netcdf_attribute *attributes, size_t attribute_count);

#endif
