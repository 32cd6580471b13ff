/* bench_views boxes HEIGHT WIDTH N SCALE0 SCALE1 RATIO0 RATIO1: "top left height width flip" of
 * view 1 of the samples 0 .. N-1, a line each. bench_views pixels HEIGHT WIDTH bilinear|bicubic
 * VIEWS: for every picture whose path stands on stdin (sample 0, 1, ...) and each view its box as
 * above and then the pixels [3, HEIGHT, WIDTH]. For comparison with torchvision. */
#include <judd/base/memory.h>
#include <judd/image/transform.h>
#include <judd/io/atomic_file.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_box(judd_augment_box b) {
    printf("%d %d %d %d %d\n", b.top, b.left, b.height, b.width, b.flip);
}

static int print_boxes(char **argv) {
    judd_augment_options o = {.scale = {atof(argv[5]), atof(argv[6])},
                              .ratio = {atof(argv[7]), atof(argv[8])},
                              .flip = 0.5};
    for (int64_t i = 0; i < atoll(argv[4]); i++)
        print_box(judd_augment_draw(&o, i, 1, atoi(argv[2]), atoi(argv[3])));
    return 0;
}

static judd_status print_views(judd_transform *t, const char *path, int64_t id, int height,
                               int width, int views) {
    judd_status status = JUDD_OK;
    judd_augment_options augment = JUDD_AUGMENT_DEFAULTS;
    judd_image image = {0};
    char *bytes = NULL;
    float *planes = NULL;
    int64_t n = 0, plane = (int64_t)height * width;
    JUDD_TRY(judd_memory_alloc(&planes, 3 * plane, sizeof *planes));
    JUDD_TRY(judd_atomic_file_read(&bytes, &n, path, (int64_t)1 << 30));
    JUDD_TRY(judd_image_decode(&image, bytes, n, NULL));
    for (int v = 1; v <= views; v++) {
        judd_augment_box box = judd_augment_draw(&augment, id, v, image.height, image.width);
        JUDD_TRY(judd_transform_view(t, &image, &box, height, width, planes));
        print_box(box);
        for (int64_t k = 0; k < 3 * plane; k++) putchar((int)planes[k]);
    }
done:
    free(planes);
    free(bytes);
    judd_image_free(&image);
    return status;
}

static int print_pixels(char **argv) {
    judd_transform_options o = {.interpolation =
                                    strcmp(argv[4], "bicubic") == 0 ? JUDD_BICUBIC : JUDD_BILINEAR,
                                .channels = 3,
                                .scale = 1,
                                .std = {1, 1, 1, 1}};
    judd_transform *t = NULL;
    char path[4096];
    judd_status status = judd_transform_create(&t, &o);
    for (int64_t id = 0; status == JUDD_OK && fgets(path, sizeof path, stdin); id++) {
        path[strcspn(path, "\n")] = '\0';
        status = print_views(t, path, id, atoi(argv[2]), atoi(argv[3]), atoi(argv[5]));
    }
    judd_transform_destroy(t);
    if (status != JUDD_OK) fprintf(stderr, "%s\n", judd_status_message());
    return status;
}

int main(int argc, char **argv) {
    if (argc == 9 && strcmp(argv[1], "boxes") == 0) return print_boxes(argv);
    if (argc == 6 && strcmp(argv[1], "pixels") == 0) return print_pixels(argv);
    return 64;
}
