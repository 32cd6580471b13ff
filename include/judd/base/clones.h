/** One copy of a function per instruction set, chosen when the program starts. For loops of
 * operations that are exact or rounded once each: with -ffp-contract=off the copies cannot differ
 * in a bit. */
#ifndef JUDD_BASE_CLONES_H
#define JUDD_BASE_CLONES_H

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define JUDD_CLONES __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define JUDD_CLONES
#endif

#endif
