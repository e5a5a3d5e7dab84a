#include "analysis/netcdf_writer.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

/* Arrays up to this many values are stored as they are; larger ones in chunks, filtered. */
enum { PLAIN_VALUES_MAX = 64, CHUNK_VALUES_MAX = 1 << 17, DEFLATE_LEVEL = 1, MEMORY_STEP = 1 << 20 };

struct netcdf_dimension {
    size_t length;
    hid_t scale; /* the coordinate variable, open until the end */
};

/* ---- failures ---- */

/* Keeps the innermost message of HDF5's error stack. */
static herr_t keep_reason(unsigned depth, const H5E_error2_t *error, void *context) {
    struct netcdf_writer *writer = context;
    if (depth == 0 && error->desc != NULL) {
        snprintf(writer->reason, sizeof writer->reason, "HDF5: %s", error->desc);
    }
    return 0;
}

/* Notes whether an HDF5 call worked; passes its answer on. */
static hid_t note(struct netcdf_writer *writer, hid_t answer) {
    if (answer < 0 && !writer->failed) {
        writer->failed = true;
        snprintf(writer->reason, sizeof writer->reason, "HDF5 failed");
        H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_reason, writer);
    }
    return answer;
}

/* ---- the file ---- */

static hid_t new_creation_list(struct netcdf_writer *writer) {
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    const hid_t list = note(writer, H5Pcreate(H5P_FILE_CREATE));
    note(writer, H5Pset_link_creation_order(list, order));
    note(writer, H5Pset_attr_creation_order(list, order));
    note(writer, H5Pset_obj_track_times(list, false));
    return list;
}

/* HDF5 asks for memory here ... */
static void *grow_image(void *image, size_t size, H5FD_file_image_op_t operation, void *context) {
    (void)operation;
    (void)context;
    return xrealloc(image, size, 1);
}

/* ... and gives it back here, complete, when the file is closed. */
static herr_t take_image(void *image, H5FD_file_image_op_t operation, void *context) {
    struct netcdf_writer *writer = context;
    (void)operation;
    free(writer->image);
    writer->image = image;
    return 0;
}

static void *keep_context(void *context) {
    return context;
}

static herr_t leave_context(void *context) {
    (void)context;
    return 0;
}

static hid_t new_access_list(struct netcdf_writer *writer) {
    const hid_t list = note(writer, H5Pcreate(H5P_FILE_ACCESS));
    H5FD_file_image_callbacks_t callbacks = {
        .image_realloc = grow_image,
        .image_free = take_image,
        .udata_copy = keep_context,
        .udata_free = leave_context,
        .udata = writer,
    };
    note(writer, H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V18));
    note(writer, H5Pset_fapl_core(list, MEMORY_STEP, false));
    note(writer, H5Pset_file_image_callbacks(list, &callbacks));
    return list;
}

bool netcdf_open(struct netcdf_writer *writer) {
    *writer = (struct netcdf_writer){.file = H5I_INVALID_HID};
    const hid_t creation = new_creation_list(writer);
    const hid_t access = new_access_list(writer);
    writer->text_type = note(writer, H5Tcopy(H5T_C_S1));
    note(writer, H5Tset_size(writer->text_type, H5T_VARIABLE));
    note(writer, H5Tset_cset(writer->text_type, H5T_CSET_UTF8));
    writer->file = note(writer, H5Fcreate("results in memory", H5F_ACC_TRUNC, creation, access));
    H5Pclose(creation);
    H5Pclose(access);
    return !writer->failed;
}

/* The end of file that the superblock (version 2, 8-byte addresses) records: memory grows in steps beyond it. */
static size_t image_size(const unsigned char *image) {
    enum { VERSION_AT = 8, ADDRESS_SIZE_AT = 9, END_OF_FILE_AT = 28, ADDRESS_SIZE = 8 };
    CHECK(image[VERSION_AT] == 2 && image[ADDRESS_SIZE_AT] == ADDRESS_SIZE);
    size_t size = 0;
    for (int i = ADDRESS_SIZE - 1; i >= 0; i--) {
        size = size << 8 | image[END_OF_FILE_AT + i];
    }
    return size;
}

bool netcdf_close(struct netcdf_writer *writer, void **image, size_t *size) {
    for (size_t i = 0; i < writer->dimension_count; i++) {
        if (writer->dimensions[i].scale >= 0) {
            note(writer, H5Dclose(writer->dimensions[i].scale));
        }
    }
    free(writer->dimensions);
    H5Tclose(writer->text_type);
    if (writer->file >= 0) {
        note(writer, H5Fclose(writer->file));
    }
    if (writer->failed) {
        free(writer->image);
        return false;
    }
    CHECK(writer->image != NULL);
    *image = writer->image;
    *size = image_size(writer->image);
    return true;
}

/* ---- attributes ---- */

/* `count` 0: a scalar. */
static void put_attribute(struct netcdf_writer *writer, hid_t object, const char *name, hid_t type, size_t count,
                          const void *values) {
    if (writer->failed) {
        return;
    }
    const hsize_t length = count;
    const hid_t space = note(writer, count == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &length, NULL));
    const hid_t attribute = note(writer, H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    if (attribute >= 0) {
        note(writer, H5Awrite(attribute, type, values));
        note(writer, H5Aclose(attribute));
    }
    H5Sclose(space);
}

static void put_text_attribute(struct netcdf_writer *writer, hid_t object, const char *name, const char *text) {
    put_attribute(writer, object, name, writer->text_type, 0, &text);
}

static void put_attributes(struct netcdf_writer *writer, hid_t object, const struct netcdf_attribute *attributes,
                           size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (attributes[i].text != NULL) {
            put_text_attribute(writer, object, attributes[i].name, attributes[i].text);
        }
    }
}

void netcdf_put_text(struct netcdf_writer *writer, const char *name, const char *text) {
    put_text_attribute(writer, writer->file, name, text);
}

void netcdf_put_uint64(struct netcdf_writer *writer, const char *name, uint64_t value) {
    put_attribute(writer, writer->file, name, H5T_NATIVE_UINT64, 0, &value);
}

/* ---- variables ---- */

static hid_t type_of(const struct netcdf_writer *writer, enum netcdf_type type) {
    switch (type) {
    case NETCDF_REAL: return H5T_NATIVE_DOUBLE;
    case NETCDF_INT64: return H5T_NATIVE_INT64;
    case NETCDF_INT8: return H5T_NATIVE_INT8;
    default: return writer->text_type;
    }
}

static size_t count_of(const hsize_t *lengths, size_t rank) {
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        count *= (size_t)lengths[i];
    }
    return count;
}

/* Whole, or halved from the outermost dimension on until a chunk is small enough. */
static void set_chunk(struct netcdf_writer *writer, hid_t list, const hsize_t *lengths, size_t rank) {
    hsize_t chunk[NETCDF_RANK_MAX];
    memcpy(chunk, lengths, rank * sizeof *chunk);
    for (size_t i = 0; i < rank; i++) {
        while (chunk[i] > 1 && count_of(chunk, rank) > CHUNK_VALUES_MAX) {
            chunk[i] = (chunk[i] + 1) / 2;
        }
    }
    note(writer, H5Pset_chunk(list, (int)rank, chunk));
    note(writer, H5Pset_shuffle(list));
    note(writer, H5Pset_deflate(list, DEFLATE_LEVEL));
    note(writer, H5Pset_fletcher32(list));
}

static hid_t new_dataset_list(struct netcdf_writer *writer, enum netcdf_type type, const hsize_t *lengths,
                              size_t rank) {
    static const double NOT_A_NUMBER = (double)NAN;
    const hid_t list = note(writer, H5Pcreate(H5P_DATASET_CREATE));
    note(writer, H5Pset_obj_track_times(list, false));
    note(writer, H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED));
    if (type == NETCDF_REAL) {
        note(writer, H5Pset_fill_value(list, H5T_NATIVE_DOUBLE, &NOT_A_NUMBER));
    }
    if (type != NETCDF_TEXT && count_of(lengths, rank) > PLAIN_VALUES_MAX) {
        set_chunk(writer, list, lengths, rank);
    }
    return list;
}

static hid_t put_dataset(struct netcdf_writer *writer, const char *name, enum netcdf_type type, const hsize_t *lengths,
                         size_t rank, const void *values) {
    if (writer->failed) {
        return H5I_INVALID_HID;
    }
    const hid_t list = new_dataset_list(writer, type, lengths, rank);
    const hid_t space = note(writer, rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple((int)rank, lengths, NULL));
    const hid_t memory_type = type_of(writer, type);
    const hid_t dataset =
        note(writer, H5Dcreate2(writer->file, name, memory_type, space, H5P_DEFAULT, list, H5P_DEFAULT));
    if (dataset >= 0) {
        note(writer, H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    }
    H5Sclose(space);
    H5Pclose(list);
    return dataset;
}

size_t netcdf_put_dimension(struct netcdf_writer *writer, const char *name, size_t length, enum netcdf_type type,
                            const void *values, const struct netcdf_attribute *attributes, size_t attribute_count) {
    const hsize_t lengths[1] = {length};
    const hid_t scale = put_dataset(writer, name, type, lengths, 1, values);
    if (scale >= 0) {
        note(writer, H5DSset_scale(scale, name));
        put_attributes(writer, scale, attributes, attribute_count);
    }
    writer->dimensions = xrealloc(writer->dimensions, writer->dimension_count + 1, sizeof *writer->dimensions);
    writer->dimensions[writer->dimension_count] = (struct netcdf_dimension){.length = length, .scale = scale};
    return writer->dimension_count++;
}

static bool any_negative(const int8_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (values[i] < 0) {
            return true;
        }
    }
    return false;
}

static void put_flags(struct netcdf_writer *writer, hid_t dataset, const int8_t *values, size_t count) {
    static const int8_t FLAGS[] = {0, 1, -1};
    const bool negative = any_negative(values, count);
    put_attribute(writer, dataset, "flag_values", H5T_NATIVE_INT8, negative ? 3 : 2, FLAGS);
    put_text_attribute(writer, dataset, "flag_meanings", negative ? "false true not_applicable" : "false true");
}

static void put_missing(struct netcdf_writer *writer, hid_t dataset, const struct netcdf_variable *variable,
                        size_t count) {
    static const double NOT_A_NUMBER = (double)NAN;
    static const int64_t MISSING = NETCDF_INT64_MISSING;
    if (variable->type == NETCDF_REAL) {
        put_attribute(writer, dataset, "_FillValue", H5T_NATIVE_DOUBLE, 1, &NOT_A_NUMBER);
    } else if (variable->type == NETCDF_INT64 && variable->has_missing) {
        put_attribute(writer, dataset, "_FillValue", H5T_NATIVE_INT64, 1, &MISSING);
    } else if (variable->type == NETCDF_INT8) {
        put_flags(writer, dataset, variable->values, count);
    }
}

void netcdf_put_variable(struct netcdf_writer *writer, const struct netcdf_variable *variable,
                         const struct netcdf_attribute *attributes, size_t attribute_count) {
    hsize_t lengths[NETCDF_RANK_MAX];
    CHECK(variable->rank <= NETCDF_RANK_MAX);
    for (size_t i = 0; i < variable->rank; i++) {
        lengths[i] = writer->dimensions[variable->dimensions[i]].length;
    }
    const hid_t dataset =
        put_dataset(writer, variable->name, variable->type, lengths, variable->rank, variable->values);
    if (dataset < 0) {
        return;
    }
    put_missing(writer, dataset, variable, count_of(lengths, variable->rank));
    put_attributes(writer, dataset, attributes, attribute_count);
    for (size_t i = 0; i < variable->rank; i++) {
        note(writer, H5DSattach_scale(dataset, writer->dimensions[variable->dimensions[i]].scale, (unsigned)i));
    }
    note(writer, H5Dclose(dataset));
}
