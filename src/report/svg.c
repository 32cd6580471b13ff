#include "report/svg.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* Length of an attribute ` NAME='rgb(0, 0, N)'` at text, in either quotes; 0: it is none. */
static int colour_at(const char *text, const char *name, int *n) {
    int length = 0, r = -1, g = -1;
    size_t k = strlen(name);
    if (text[0] != ' ' || strncmp(text + 1, name, k) != 0) return 0;
    const char *at = text + 1 + k + strspn(text + 1 + k, " =");
    if (*at != '\'' && *at != '"') return 0;
    if (sscanf(at + 1, "rgb(%d,%d,%d)%n", &r, &g, n, &length) != 3 || length == 0) return 0;
    if (r != 0 || g != 0 || *n < 0 || at[1 + length] != *at) return 0;
    return (int)(at + 1 + length + 1 - text);
}

/* The colour at text as a class; its length, 0: none is there. */
static int copy_colour(judd_html *to, const char *text) {
    static const char *const names[] = {"stroke", "fill", "color"};
    static const char letters[] = "kfc";
    int n = 0, length = 0;
    for (int k = 0; k < 3; k++)
        if ((length = colour_at(text, names[k], &n)) > 0) {
            judd_html_add(to, " class=\"%c%d\"", letters[k], n);
            return length;
        }
    return 0;
}

/* gnuplot's own white around a point: the colour of the page. */
static int copy_halo(judd_html *to, const char *text) {
    static const char halo[] = " color='#FFFFFF'";
    if (!begins(text, halo)) return 0;
    judd_html_add(to, " class=\"c0\"");
    return (int)sizeof halo - 1;
}

/* What is left out at text: names, and words that only gnuplot needs. */
static int dropped(const char *text) {
    static const char *const attributes[] = {
        " class=\"gridline\"",      " font-family=\"sans-serif\"",
        " stroke-linecap=\"butt\"", " stroke-linejoin=\"miter\"",
        " color=\"black\"",         " color=\"gray\""};
    for (size_t k = 0; k < sizeof attributes / sizeof *attributes; k++)
        if (begins(text, attributes[k])) return (int)strlen(attributes[k]);
    if (begins(text, " id=\"")) return (int)(6 + strcspn(text + 5, "\""));
    if (begins(text, "<title>")) {
        const char *end = strstr(text, "</title>");
        return end ? (int)(end + 8 - text) : 0;
    }
    if (begins(text, "<g ")) { /* of nothing */
        const char *end = strchr(text, '>');
        if (end && begins(end, ">\n</g>\n")) return (int)(end + 7 - text);
    }
    return 0;
}

/* Reference to a shape of ours. */
static int copy_reference(judd_html *to, const char *text) {
    if (!begins(text, " xlink:href='#")) return 0;
    judd_html_add(to, " href='#");
    return (int)strlen(" xlink:href='#");
}

const char *judd_svg_copy(judd_html *to, const char *text) {
    const char *at = strstr(text, "<svg"), *end = at ? strstr(at, "</svg>") : NULL;
    if (!end || !(at = strstr(at, "</defs>")) || at > end) return NULL;
    at += strlen("</defs>\n");
    const char *last = end; /* the canvas' own </g> goes with its <g> */
    while (last > at && !begins(last, "</g>")) last--;
    while (at < last) {
        int n = dropped(at);
        if (n == 0) n = copy_colour(to, at);
        if (n == 0) n = copy_halo(to, at);
        if (n == 0) n = copy_reference(to, at);
        if (n > 0) {
            at += n;
            continue;
        }
        if (*at != '\t') judd_html_raw(to, at, 1);
        at++;
    }
    return end;
}
