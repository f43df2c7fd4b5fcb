#include "test/runtime/data/made_tables.h"

#include <utility>

#include "runtime/data/csv_channel.h"
#include "test/support/columns.h"

namespace mlp::test {

using Strings = std::vector<std::string>;

CsvOpener opener(const std::string& name, const std::string& text) {
  return [name, text] { return memory_source(name, text); };
}

ChannelRows train_channel(const Strings& texts, const ReadOptions& options) {
  std::vector<CsvOpener> openers;
  for (const std::string& text : texts) {
    openers.push_back(
        opener(std::string(1, static_cast<char>('a' + openers.size())) + ".csv", text));
  }
  return read_csv(std::move(openers), options);
}

ReadOptions asking(Strings targets, std::string weight, Header header) {
  ReadOptions options;
  options.header = header;
  options.choice.targets = std::move(targets);
  options.choice.weight = std::move(weight);
  return options;
}

std::unique_ptr<Learned> learn(const std::string& text, const std::string& target) {
  const ChannelRows channel =
      train_channel({text}, asking(target.empty() ? Strings() : Strings{target}));
  const std::vector<std::uint32_t> rows = first(channel.rows.rows());
  PreprocessorConfig config;
  config.named = channel.layout.named;
  config.min_category_rows = 1;
  if (!config.named) config.set_aside = {1};
  Strings notes;
  auto learned = std::make_unique<Learned>();
  learned->preprocessor =
      channel.rows.columns.empty()
          ? Preprocessor::fit_plain(channel.layout.features, channel.rows.features.view(), rows,
                                    config, notes)
          : Preprocessor::fit(channel.rows.columns, rows, config, notes);
  learned->options.preprocessor = &learned->preprocessor;
  learned->options.target_names = channel.rows.target_names;
  if (config.named) learned->options.file_columns = channel.layout.columns;
  return learned;
}

}  // namespace mlp::test
