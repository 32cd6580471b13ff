/* bench_pixels RESIZE_HEIGHT RESIZE_WIDTH bilinear|bicubic CROP_HEIGHT CROP_WIDTH CHANNELS: the
 * pictures whose paths stand on stdin, a line each, after resize and crop, on stdout: "P height
 * width channels" and the pixels, or "E offset message", for comparison with Pillow. */
#include <judd/image/transform.h>
#include <judd/io/atomic_file.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static judd_status prepare(judd_transform *t, const char *path, judd_image *image,
                           const judd_image **out, int64_t *offset) {
    char *bytes = NULL;
    int64_t n = 0;
    judd_status status = judd_atomic_file_read(&bytes, &n, path, (int64_t)1 << 30);
    if (status == JUDD_OK) {
        /* the exact size, so that a read behind the end is seen by the sanitizers */
        void *exact = malloc((size_t)n + (n == 0));
        if (!exact) return judd_status_set(JUDD_E_INTERNAL, "no memory");
        memcpy(exact, bytes, (size_t)n);
        status = judd_image_decode(image, exact, n, offset);
        free(exact);
    }
    if (status == JUDD_OK) status = judd_transform_pixels(t, image, out);
    free(bytes);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 7) return 64;
    judd_transform_options o = {.resize_height = atoi(argv[1]),
                                .resize_width = atoi(argv[2]),
                                .interpolation =
                                    strcmp(argv[3], "bicubic") == 0 ? JUDD_BICUBIC : JUDD_BILINEAR,
                                .crop_height = atoi(argv[4]),
                                .crop_width = atoi(argv[5]),
                                .channels = atoi(argv[6]),
                                .scale = 1,
                                .std = {1, 1, 1, 1}};
    judd_transform *t = NULL;
    judd_image image = {0};
    char path[4096];
    if (judd_transform_create(&t, &o) != JUDD_OK) return 70;
    while (fgets(path, sizeof path, stdin)) {
        const judd_image *out = NULL;
        int64_t offset = 0;
        path[strcspn(path, "\n")] = '\0';
        if (prepare(t, path, &image, &out, &offset) != JUDD_OK) {
            printf("E %lld %s\n", (long long)offset, judd_status_message());
            continue;
        }
        printf("P %d %d %d\n", out->height, out->width, out->channels);
        fwrite(out->pixels, 1, (size_t)(out->height * out->width * out->channels), stdout);
    }
    judd_image_free(&image);
    judd_transform_destroy(t);
    return 0;
}
