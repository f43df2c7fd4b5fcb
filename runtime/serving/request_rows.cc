#include "runtime/serving/request_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "model/error.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/compression.h"
#include "runtime/data/csv_reader.h"
#include "runtime/serving/csv_numbers.h"
#include "runtime/serving/json_instances.h"
#include "runtime/serving/npy_rows.h"
#include "runtime/serving/positional_rows.h"

namespace mlp {
namespace {

// Rows of CSV text in whatever form CsvReader takes.
class CsvTextRows final : public RequestRows {
 public:
  // Leaves out the first `skipped` rows.
  CsvTextRows(const Predictor& predictor, PredictInputOptions options, std::string_view body,
              std::size_t skipped)
      : predictor_(predictor),
        reader_([body] { return view_source(std::string(kBodyName), body); }, std::move(options)) {
    while (skipped > 0) {
      Table table;
      const std::size_t count = reader_.read(table, std::min(skipped, kChunkRows));
      if (count == 0) break;
      skipped -= count;
      done_ += count;
    }
  }

  bool next(Features& rows) override {
    Table table;
    const std::size_t count = reader_.read(table, kChunkRows);
    if (count == 0) return false;
    rows = predictor_.encode(std::move(table), done_);
    done_ += count;
    return true;
  }

 private:
  const Predictor& predictor_;
  CsvReader reader_;
  std::size_t done_ = 0;  // rows
};

// Rows of plain numbers; from the first line on that is none, as CsvTextRows has them.
class CsvNumberRows final : public RequestRows {
 public:
  CsvNumberRows(const Predictor& predictor, const PredictInputOptions& options,
                std::string_view body, std::size_t width)
      : predictor_(predictor), options_(options), body_(body), numbers_(body, width) {}

  bool next(Features& rows) override {
    if (others_) return others_->next(rows);
    rows = {};
    rows.width = options_.preprocessor->width();
    const std::size_t count = numbers_.read(rows.floats, kChunkRows);
    if (count < kChunkRows && !numbers_.at_end()) {
      others_ = std::make_unique<CsvTextRows>(predictor_, options_, body_, done_);
      return others_->next(rows);
    }
    done_ += count;
    return count > 0;
  }

 private:
  const Predictor& predictor_;
  const PredictInputOptions& options_;
  std::string_view body_;
  CsvNumbers numbers_;
  std::size_t done_ = 0;  // rows
  std::unique_ptr<CsvTextRows> others_;
};

DecodedRequest of_rows(std::unique_ptr<RequestRows> rows) {
  DecodedRequest request;
  request.rows = std::move(rows);
  return request;
}

}  // namespace

struct RequestDecoder::Form {
  explicit Form(const PredictInputOptions& given) : options(given), positions(options) {
    options.has_target = false;
    options.label_advice = "send the Content-Type text/csv; label_size=1";
    takes_csv_numbers = mlp::takes_csv_numbers(options);
  }

  PredictInputOptions options;
  PositionalRows positions;
  bool takes_csv_numbers = false;
};

RequestDecoder::RequestDecoder(const Predictor& predictor, const PredictInputOptions& options)
    : predictor_(predictor), form_(std::make_unique<const Form>(options)) {}

RequestDecoder::~RequestDecoder() = default;

DecodedRequest RequestDecoder::decode(RequestType type, std::string_view body) const {
  if (compression_of(body.substr(0, kCompressionMarkBytes)) != Compression::kNone) {
    throw UserError(
        fmt::format("{}: it is compressed, which is not read. Send it as it is, without gzip or "
                    "zstd.",
                    kBodyName));
  }
  const std::string_view text = type.type == MediaType::kNpy ? body : without_mark(body);
  const bool is_blank =
      type.type != MediaType::kNpy && text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (text.empty() || is_blank) {
    throw UserError(
        fmt::format("{}: it is empty. Expected rows to predict. Send at least one.", kBodyName));
  }
  const RowReading reading = {predictor_, form_->options, form_->positions};
  if (type.type == MediaType::kNpy) return of_rows(npy_rows(reading, body));
  if (type.type == MediaType::kCsv) {
    const bool is_usual = !type.has_label && type.header == Header::kAuto;
    if (form_->takes_csv_numbers && is_usual) {
      return of_rows(std::make_unique<CsvNumberRows>(predictor_, form_->options, body,
                                                     form_->positions.used()));
    }
    PredictInputOptions options = form_->options;
    options.has_target = type.has_label;
    if (type.header != Header::kAuto) options.header = type.header;
    return of_rows(std::make_unique<CsvTextRows>(predictor_, std::move(options), body, 0));
  }
  return type.type == MediaType::kJson ? decode_json(reading, text)
                                       : decode_json_lines(reading, text);
}

}  // namespace mlp
