#pragma once

#include <vector>

#include "runtime/data/csv_text.h"
#include "runtime/data/read_channel.h"

namespace mlp {

// All rows of the CSV files of a channel, one file after the other, each with its own header or
// none; all have the same columns, in any order where they are named. A column is numbers where all
// of its fields are, missing ones aside, else texts; so are targets, whose texts stand as in the
// file. Where a later field shows that a column is other than it seemed, the files are read once
// more. Several targets and weights are numbers, weights not negative.
//
// Blocks of a file are parsed on options.threads threads, without effect on the result. Throws
// UserError with file, line and column (and the column's name) at what can't be read.
ChannelRows read_csv(std::vector<CsvOpener> files, const ReadOptions& options);

}  // namespace mlp
