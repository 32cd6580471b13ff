/** Formats that hold encoded images: each scan fills a list of samples on rank 0. */
#ifndef DATA_SCAN_H
#define DATA_SCAN_H

#include "data/sample_list.h"

/** A folder with a folder for each class, images at any depth below; hidden files and files that do
 *  not end as an image are passed over, links are followed, as torchvision's ImageFolder does; one
 * that leads nowhere is an image without bytes. */
judd_status judd_scan_folder(judd_sample_list *list, const char *path);

/** A tar file, or a folder of *.tar files (shards). A sample is a regular entry that ends as an
 *  image; its class is what the entry KEY.cls holds (WebDataset: the same name up to the first
 * dot), else its folder. Entries with "..", absolute names, links and devices are refused. */
judd_status judd_scan_tar(judd_sample_list *list, const char *path);

/** A text file, paths relative to the file's folder; by list->task a line is "path<TAB>label",
 *  "path<TAB>label,label,..." (none: of no class) or "path<TAB>number<TAB>number...". Labels are
 * all numbers or all names. */
judd_status judd_scan_list(judd_sample_list *list, const char *path);

#endif
