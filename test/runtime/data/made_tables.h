#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/preprocessor.h"
#include "runtime/data/csv_text.h"
#include "runtime/data/read_channel.h"

namespace mlp::test {

CsvOpener opener(const std::string& name, const std::string& text);

// Reads the texts as the files a.csv, b.csv, ... of a training channel.
ChannelRows train_channel(const std::vector<std::string>& texts, const ReadOptions& options = {});

ReadOptions asking(std::vector<std::string> targets, std::string weight = "",
                   Header header = Header::kAuto);

// What a model takes that learned the rows of a text; `options` points into it.
struct Learned {
  Preprocessor preprocessor;
  PredictInputOptions options;
};

// Of a CSV text; `target` empty: the first column of a text without header.
std::unique_ptr<Learned> learn(const std::string& text, const std::string& target = "");

}  // namespace mlp::test
