#include "model/artifact.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "model/error.h"
#include "model/hdf5_file.h"

namespace mlp {
namespace {

using Json = nlohmann::ordered_json;

// The version of Keras whose legacy HDF5 files these are like: its words are understood by tf.keras
// 2 and by Keras 3 alike.
constexpr std::string_view kKerasVersion = "2.15.0";
constexpr std::string_view kKerasBackend = "tensorflow";

const std::string kWeights = "/model_weights";
const std::string kGroup = "/mlp";
const std::string kMetadata = "/mlp/metadata";

// Keras names variables by model and layer, and its files repeat the layer:
// <layer>/<model>/<layer>/<variable>. Nobody reads the model's name, so it is one for all kinds.
std::string variable_name(const std::string& layer, const std::string& variable) {
  return fmt::format("sequential/{}/{}", layer, variable);
}

std::string weight_path(const std::string& layer, const std::string& variable) {
  return fmt::format("{}/{}/{}", kWeights, layer, variable_name(layer, variable));
}

// Of one of several layers of a kind.
std::string numbered(std::string_view kind, std::size_t index) {
  return fmt::format("{}_{}", kind, index + 1);
}

std::string dense_name(std::size_t index) { return numbered("dense", index); }

std::string embedding_path(std::size_t index) {
  return weight_path(numbered("embedding", index), "embeddings");
}

const std::string kNormalization = "normalization";

Json keras_layer(std::string_view class_name, std::string_view name, const Json& settings) {
  Json config = {{"name", name}, {"trainable", true}, {"dtype", "float32"}};
  config.update(settings);
  return {{"class_name", class_name}, {"config", std::move(config)}};
}

std::string_view output_activation(Task task) {
  if (task == Task::kRegression) return "linear";
  return task == Task::kClassification ? "softmax" : "sigmoid";
}

Json input_layer(const Schema& schema) {
  Json input_shape = Json::array({nullptr});
  for (const std::size_t extent : schema.row_shape) input_shape.push_back(extent);
  // tf.keras 2 knows this key only; Keras 3 takes it as well as its own, batch_shape.
  return {
      {"class_name", "InputLayer"},
      {"config", {{"name", "input"}, {"dtype", "float32"}, {"batch_input_shape", input_shape}}}};
}

// Adds what follows on the input and the embeddings.
void add_dense_layers(Json& layers, const Artifact& artifact) {
  const std::vector<DenseWeights>& dense = artifact.weights.layers;
  for (std::size_t i = 0; i < dense.size(); ++i) {
    const bool last = i + 1 == dense.size();
    layers.push_back(keras_layer("Dense", dense_name(i),
                                 {{"units", dense[i].outputs},
                                  {"activation", last ? output_activation(artifact.schema.task)
                                                      : keras_name(artifact.activation)},
                                  {"use_bias", true}}));
    if (!last) {
      layers.push_back(
          keras_layer("Dropout", numbered("dropout", i), {{"rate", artifact.drop_rate}}));
    }
  }
}

Json sequential_model(const Artifact& artifact) {
  const Schema& schema = artifact.schema;
  Json layers = Json::array({input_layer(schema)});
  if (schema.row_shape.size() > 1) {
    layers.push_back(keras_layer("Flatten", "flatten", {{"data_format", "channels_last"}}));
  }
  if (!artifact.mean.empty()) {
    layers.push_back(keras_layer("Normalization", kNormalization, {{"axis", Json::array({-1})}}));
  }
  add_dense_layers(layers, artifact);
  return {{"class_name", "Sequential"},
          {"config", {{"name", "sequential"}, {"layers", std::move(layers)}}}};
}

// A layer of a functional model, over the outputs of the layers `from`.
Json connected(Json layer, const std::vector<std::string>& from) {
  layer["name"] = layer["config"]["name"];
  layer["inbound_nodes"] = Json::array();
  if (from.empty()) return layer;
  Json node = Json::array();
  for (const std::string& name : from) node.push_back(Json::array({name, 0, 0, Json::object()}));
  layer["inbound_nodes"].push_back(std::move(node));
  return layer;
}

// With embeddings: each input that is the number of a category is cut out of the row by itself.
Json functional_model(const Artifact& artifact) {
  const std::vector<EmbeddingWeights>& embeddings = artifact.weights.embeddings;
  const std::size_t width = artifact.schema.width();
  const std::size_t others = width - embeddings.size();
  Json layers = Json::array({connected(input_layer(artifact.schema), {})});
  const auto add = [&layers](std::string_view class_name, const std::string& name,
                             const Json& settings, const std::vector<std::string>& from) {
    layers.push_back(connected(keras_layer(class_name, name, settings), from));
  };
  add("Reshape", "reshape", {{"target_shape", Json::array({width, 1})}}, {"input"});
  std::vector<std::string> parts;
  if (others > 0) {
    add("Cropping1D", "cropping", {{"cropping", Json::array({0, width - others})}}, {"reshape"});
    add("Flatten", "flatten", {{"data_format", "channels_last"}}, {"cropping"});
    parts.emplace_back("flatten");
  }
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    const std::string cropping = numbered("cropping", i);
    const std::string embedding = numbered("embedding", i);
    const std::string flatten = numbered("flatten", i);
    add("Cropping1D", cropping, {{"cropping", Json::array({others + i, width - others - i - 1})}},
        {"reshape"});
    add("Embedding", embedding,
        {{"input_dim", embeddings[i].categories}, {"output_dim", embeddings[i].width}}, {cropping});
    add("Flatten", flatten, {{"data_format", "channels_last"}}, {embedding});
    parts.push_back(flatten);
  }
  std::string before = parts.front();
  if (parts.size() > 1) {
    before = "concatenate";
    add("Concatenate", before, {{"axis", -1}}, parts);
  }
  Json dense = Json::array();
  add_dense_layers(dense, artifact);
  for (const Json& layer : dense) {
    layers.push_back(connected(layer, {before}));
    before = layer["config"]["name"];
  }
  return {{"class_name", "Functional"},
          {"config",
           {{"name", "functional"},
            {"trainable", true},
            {"layers", std::move(layers)},
            {"input_layers", Json::array({Json::array({"input", 0, 0})})},
            {"output_layers", Json::array({Json::array({before, 0, 0})})}}}};
}

// The variables of one layer, of which Keras finds each by the order of their names.
void add_variables(Hdf5Writer& file, const std::string& layer,
                   const std::vector<std::string>& variables) {
  std::vector<std::string> names;
  for (const std::string& variable : variables) names.push_back(variable_name(layer, variable));
  file.add_attribute(fmt::format("{}/{}", kWeights, layer), "weight_names", names);
}

void add_keras_model(Hdf5Writer& file, const Artifact& artifact) {
  const Json model =
      artifact.weights.embeddings.empty() ? sequential_model(artifact) : functional_model(artifact);
  file.add_attribute("/", "model_config", model.dump());
  file.add_attribute("/", "keras_version", kKerasVersion);
  file.add_attribute("/", "backend", kKerasBackend);

  file.add_group(kWeights);
  std::vector<std::string> layer_names;
  for (const Json& layer : model["config"]["layers"]) {
    if (layer["class_name"] == "InputLayer") continue;  // Keras leaves it out as well.
    layer_names.push_back(layer["config"]["name"]);
    file.add_group(fmt::format("{}/{}", kWeights, layer_names.back()));
  }
  file.add_attribute(kWeights, "layer_names", layer_names);
  file.add_attribute(kWeights, "keras_version", kKerasVersion);
  file.add_attribute(kWeights, "backend", kKerasBackend);

  for (const std::string& layer : layer_names) {
    if (layer == kNormalization) {
      const std::array shape = {artifact.mean.size()};
      file.add_floats(weight_path(layer, "mean"), shape, artifact.mean);
      file.add_floats(weight_path(layer, "variance"), shape, artifact.variance);
      // Rows seen by adapt(), which Keras never reads; files of Keras 3 say 0.
      file.add_integer(weight_path(layer, "count"), 0);
      add_variables(file, layer, {"mean", "variance", "count"});
    } else if (!layer.starts_with("dense_") && !layer.starts_with("embedding_")) {
      add_variables(file, layer, {});
    }
  }
  for (std::size_t i = 0; i < artifact.weights.embeddings.size(); ++i) {
    const EmbeddingWeights& table = artifact.weights.embeddings[i];
    file.add_floats(embedding_path(i), std::array{table.categories, table.width}, table.values);
    add_variables(file, numbered("embedding", i), {"embeddings"});
  }
  for (std::size_t i = 0; i < artifact.weights.layers.size(); ++i) {
    const DenseWeights& dense = artifact.weights.layers[i];
    file.add_floats(weight_path(dense_name(i), "kernel"), std::array{dense.inputs, dense.outputs},
                    dense.weight);
    file.add_floats(weight_path(dense_name(i), "bias"), std::array{dense.outputs}, dense.bias);
    add_variables(file, dense_name(i), {"kernel", "bias"});
  }
}

// JSON has no numbers for these.
constexpr std::string_view kNan = "NaN";
constexpr std::string_view kInfinity = "Infinity";
constexpr std::string_view kMinusInfinity = "-Infinity";

Json number_to_json(double value) {
  if (std::isnan(value)) return kNan;
  if (std::isinf(value)) return value > 0 ? kInfinity : kMinusInfinity;
  return value;
}

double number_from_json(const Json& value) {
  if (value == kNan) return std::numeric_limits<double>::quiet_NaN();
  if (value == kInfinity) return std::numeric_limits<double>::infinity();
  if (value == kMinusInfinity) return -std::numeric_limits<double>::infinity();
  return value.get<double>();
}

// JSON is UTF-8, but labels and names come from users' files, in whatever encoding. Where one text
// of the metadata is no UTF-8, every byte of every text is written as the character of that number.
constexpr std::string_view kUtf8 = "utf-8";
constexpr std::string_view kLatin1 = "latin-1";

std::string latin1_to_utf8(const std::string& text) {
  std::string utf8;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      utf8 += c;
    } else {
      utf8 += static_cast<char>(0xC0 | (byte >> 6));
      utf8 += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return utf8;
}

// Only for valid UTF-8, which the JSON parser has made sure of. Throws std::range_error at a
// character above U+00FF.
std::string utf8_to_latin1(const std::string& utf8) {
  std::string text;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80) {
      text += utf8[i];
    } else if (lead == 0xC2 || lead == 0xC3) {
      const auto trail = static_cast<unsigned char>(utf8[++i]);
      text += static_cast<char>(((lead & 0x03) << 6) | (trail & 0x3F));
    } else {
      throw std::range_error("a text is not in the encoding that the metadata name");
    }
  }
  return text;
}

template <typename Recode>
void recode_texts(Json& value, const Recode& recode) {
  if (value.is_string()) {
    value = recode(value.get_ref<const std::string&>());
  } else if (value.is_structured()) {
    for (Json& member : value) recode_texts(member, recode);
  }
}

std::string dump_metadata(Json metadata) {
  try {
    return metadata.dump();
  } catch (const Json::type_error&) {  // A text that is not UTF-8: the only error dump() knows.
    recode_texts(metadata, latin1_to_utf8);
    metadata["text_encoding"] = kLatin1;
    return metadata.dump();
  }
}

constexpr std::int64_t kSingleTargetVersion = 1;  // with relu, and a target name instead of several

Json metadata_of(const Artifact& artifact) {
  const Schema& schema = artifact.schema;
  Json rows = Json::array();
  for (const std::vector<double>& row : artifact.history.rows) {
    Json values = Json::array();
    for (const double value : row) values.push_back(number_to_json(value));
    rows.push_back(std::move(values));
  }
  Json metadata = {
      {"text_encoding", kUtf8},
      {"versions", artifact.versions},
      {"schema",
       {{"row_shape", schema.row_shape},
        {"feature_names", schema.feature_names},
        {"target_names", schema.target_names},
        {"targets", schema.targets},
        {"weight_name", schema.weight_name},
        {"task", task_name(schema.task)},
        {"labels_are_text", schema.labels_are_text},
        {"labels", schema.labels}}},
      {"normalized", !artifact.mean.empty()},
      {"dense_layers", artifact.weights.layers.size()},
      {"drop_rate", artifact.drop_rate},
      {"activation", name(artifact.activation)},
      {"hyperparameters", artifact.hyperparameters},
      {"num_threads", artifact.num_threads},
      {"precision",
       {{"name", name(artifact.precision.precision)},
        {"instruction_set", artifact.precision.instruction_set},
        {"reason", artifact.precision.reason}}},
      {"history", {{"columns", artifact.history.columns}, {"rows", std::move(rows)}}},
  };
  for (const EmbeddingWeights& table : artifact.weights.embeddings) {
    metadata["embeddings"].push_back(Json::array({table.categories, table.width}));
  }
  if (!artifact.preprocessor.empty()) metadata["preprocessor"] = artifact.preprocessor.to_json();
  if (artifact.missing_values) metadata["missing_values"] = *artifact.missing_values;
  return metadata;
}

// A count, which has to be a JSON integer: nlohmann's conversions would also take 1.5, -1 and true.
std::size_t count_from_json(const Json& value) {
  if (!value.is_number_unsigned()) throw std::range_error("a count is not an integer from 0 on");
  return value.get<std::size_t>();
}

std::vector<EmbeddingConfig> embeddings_from_json(const Json& value) {
  std::vector<EmbeddingConfig> embeddings;
  for (const Json& shape : value) {
    if (!shape.is_array() || shape.size() != 2) {
      throw std::range_error("an embedding is not a pair of counts");
    }
    embeddings.push_back({count_from_json(shape[0]), count_from_json(shape[1])});
  }
  return embeddings;
}

Task task_from_json(const Json& name) {
  for (const Task task :
       {Task::kClassification, Task::kBinary, Task::kMultilabel, Task::kRegression}) {
    if (name == task_name(task)) return task;
  }
  throw std::range_error("the task is none that is known");
}

Precision precision_from_json(const Json& name) {
  const auto text = name.get<std::string>();
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    if (text == mlp::name(precision)) return precision;
  }
  throw std::range_error("the precision is none that is known");
}

Activation activation_from_json(const Json& name) {
  const auto text = name.get<std::string>();
  if (const auto found = find_activation(text)) return *found;
  throw std::range_error("the activation is none that is known");
}

void fill_from_metadata(Artifact& artifact, Json& metadata, std::int64_t version) {
  artifact.versions = std::move(metadata.at("versions"));
  artifact.hyperparameters = std::move(metadata.at("hyperparameters"));
  artifact.num_threads = count_from_json(metadata.at("num_threads"));
  if (const auto found = metadata.find("precision"); found != metadata.end()) {
    artifact.precision = {precision_from_json(found->at("name")),
                          found->at("instruction_set").get<std::string>(),
                          found->at("reason").get<std::string>()};
  }
  artifact.drop_rate = metadata.at("drop_rate").get<double>();

  Json& schema = metadata.at("schema");
  for (const Json& extent : schema.at("row_shape")) {
    artifact.schema.row_shape.push_back(count_from_json(extent));
  }
  schema.at("feature_names").get_to(artifact.schema.feature_names);
  if (version == kSingleTargetVersion) {
    const auto name = schema.at("target_name").get<std::string>();
    if (!name.empty()) artifact.schema.target_names = {name};
  } else {
    schema.at("target_names").get_to(artifact.schema.target_names);
    artifact.schema.targets = count_from_json(schema.at("targets"));
    schema.at("weight_name").get_to(artifact.schema.weight_name);
    artifact.activation = activation_from_json(metadata.at("activation"));
  }
  schema.at("labels_are_text").get_to(artifact.schema.labels_are_text);
  schema.at("labels").get_to(artifact.schema.labels);
  artifact.schema.task = task_from_json(schema.at("task"));

  if (const auto found = metadata.find("preprocessor"); found != metadata.end())
    artifact.preprocessor = Preprocessor::from_json(*found);
  if (const auto found = metadata.find("missing_values"); found != metadata.end())
    artifact.missing_values = found->get<std::vector<std::string>>();

  const Json& history = metadata.at("history");
  history.at("columns").get_to(artifact.history.columns);
  for (const Json& row : history.at("rows")) {
    std::vector<double>& values = artifact.history.rows.emplace_back();
    for (const Json& value : row) values.push_back(number_from_json(value));
  }
}

bool is_integer_text(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The same of what encodes the rows, which has to fit the network.
std::string preprocessor_inconsistency(const Artifact& artifact, bool normalized,
                                       const std::vector<EmbeddingConfig>& embeddings) {
  const Preprocessor& preprocessor = artifact.preprocessor;
  if (preprocessor.empty()) return "";
  if (artifact.schema.row_shape.size() != 1 || preprocessor.width() != artifact.schema.width()) {
    return fmt::format("Its tables are encoded to {} columns, but its rows have {} values.",
                       preprocessor.width(), artifact.schema.width());
  }
  if (preprocessor.embeddings() != embeddings) {
    return "Its embeddings are others than those of its categories.";
  }
  if (normalized && !preprocessor.is_plain()) return "Its tables are scaled twice.";
  return "";
}

// What is wrong within the metadata, as a sentence; empty where nothing is.
std::string inconsistency(const Artifact& artifact) {
  const Schema& schema = artifact.schema;
  if (schema.row_shape.empty()) return "Its rows have no shape.";
  std::size_t width = 1;
  for (const std::size_t extent : schema.row_shape) {
    if (extent == 0 || width > std::numeric_limits<std::size_t>::max() / extent) {
      return "The shape of its rows is impossible.";
    }
    width *= extent;
  }
  if (!schema.feature_names.empty() && schema.feature_names.size() != width) {
    return fmt::format("It names {} features but its rows have {}.", schema.feature_names.size(),
                       width);
  }
  if (schema.targets == 0 || (has_classes(schema.task) && schema.targets != 1)) {
    return fmt::format("It has {} targets.", schema.targets);
  }
  if (!schema.target_names.empty() && schema.target_names.size() != schema.targets) {
    return fmt::format("It names {} targets but has {}.", schema.target_names.size(),
                       schema.targets);
  }
  if (schema.task != Task::kRegression) {
    if (schema.labels.empty()) return "It classifies, but has no labels.";
    if (schema.task == Task::kBinary && schema.labels.size() != 2) {
      return fmt::format("It tells two classes apart, but has {} labels.", schema.labels.size());
    }
    if (schema.task == Task::kMultilabel && schema.labels.size() != schema.targets) {
      return fmt::format("It has {} labels for {} targets.", schema.labels.size(), schema.targets);
    }
    if (std::unordered_set<std::string_view>(schema.labels.begin(), schema.labels.end()).size() !=
        schema.labels.size()) {
      return "It has a label twice.";
    }
    if (!schema.labels_are_text && !std::ranges::all_of(schema.labels, is_integer_text)) {
      return "A label that should be an integer is none.";
    }
  } else if (!schema.labels.empty()) {
    return "It is a regression, but has labels.";
  }
  if (!(artifact.drop_rate >= 0 && artifact.drop_rate <= 1)) {
    return fmt::format("Its drop_rate is {}.", artifact.drop_rate);
  }
  if (artifact.num_threads == 0) return "Its num_threads is 0.";
  if (!artifact.hyperparameters.is_object()) return "Its hyperparameters are no JSON object.";
  if (!artifact.versions.is_object()) return "Its versions are no JSON object.";
  for (const std::vector<double>& row : artifact.history.rows) {
    if (row.size() != artifact.history.columns.size()) {
      return fmt::format("A row of its history has {} values for {} columns.", row.size(),
                         artifact.history.columns.size());
    }
  }
  return {};
}

void read_normalization(const Hdf5Reader& file, Artifact& artifact) {
  artifact.mean = file.floats(weight_path(kNormalization, "mean"));
  artifact.variance = file.floats(weight_path(kNormalization, "variance"));
  const std::size_t width = artifact.schema.width();
  for (const std::size_t size : {artifact.mean.size(), artifact.variance.size()}) {
    if (size != width) {
      file.fail(fmt::format("It normalizes {} features but its rows have {}.", size, width));
    }
  }
  if (!std::ranges::all_of(artifact.variance, [](float value) { return value > 0; })) {
    file.fail("The variance of a feature is not positive.");
  }
}

void read_embeddings(const Hdf5Reader& file, const std::vector<EmbeddingConfig>& embeddings,
                     Artifact& artifact) {
  if (embeddings.empty()) return;
  const Schema& schema = artifact.schema;
  if (schema.row_shape.size() != 1 || embeddings.size() > schema.width()) {
    file.fail(fmt::format("It has {} embeddings for {} values of rows with {} dimensions.",
                          embeddings.size(), schema.width(), schema.row_shape.size()));
  }
  if (!artifact.mean.empty()) file.fail("It normalizes numbers of categories.");
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    const auto [categories, width] = embeddings[i];
    const std::string path = embedding_path(i);
    const std::vector<std::size_t> shape = file.shape(path);
    if (categories == 0 || width == 0 || shape != std::vector{categories, width}) {
      file.fail(
          fmt::format("{} has the shape [{}], where {} categories of {} values were expected.",
                      path, fmt::join(shape, ", "), categories, width));
    }
    artifact.weights.embeddings.push_back({categories, width, file.floats(path)});
  }
}

void read_dense_layers(const Hdf5Reader& file, std::size_t count, Artifact& artifact) {
  if (count == 0) file.fail("It has no layers.");
  std::size_t inputs = artifact.schema.width() - artifact.weights.embeddings.size();
  for (const EmbeddingWeights& table : artifact.weights.embeddings) inputs += table.width;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string kernel = weight_path(dense_name(i), "kernel");
    const std::string bias = weight_path(dense_name(i), "bias");
    const std::vector<std::size_t> shape = file.shape(kernel);
    if (shape.size() != 2 || shape[0] != inputs || shape[1] == 0) {
      file.fail(fmt::format("{} has the shape [{}], where {} rows were expected.", kernel,
                            fmt::join(shape, ", "), inputs));
    }
    if (file.shape(bias) != std::vector{shape[1]}) {
      file.fail(fmt::format("{} has the shape [{}], but its layer has {} outputs.", bias,
                            fmt::join(file.shape(bias), ", "), shape[1]));
    }
    artifact.weights.layers.push_back({shape[0], shape[1], file.floats(kernel), file.floats(bias)});
    inputs = shape[1];
  }
  if (inputs != artifact.schema.outputs()) {
    file.fail(fmt::format("Its network has {} outputs, where {} were expected.", inputs,
                          artifact.schema.outputs()));
  }
}

}  // namespace

std::string to_bytes(const Artifact& artifact) {
  assert(!artifact.weights.layers.empty());
  assert(artifact.mean.size() == artifact.variance.size());
  assert(artifact.weights.embeddings.empty() || artifact.mean.empty());
  Hdf5Writer file;
  add_keras_model(file, artifact);
  file.add_group(kGroup);
  file.add_attribute(kGroup, "format_version", kArtifactFormatVersion);
  file.add_text(kMetadata, dump_metadata(metadata_of(artifact)));
  return file.finish();
}

Artifact artifact_from_bytes(std::string_view bytes, std::string_view name) {
  const Hdf5Reader file(bytes, name);
  if (!file.contains(kGroup)) {
    throw UserError(
        fmt::format("{} was not written by mlp: it is an HDF5 file, but without the group {}. "
                    "Expected the model.h5 that mlp train writes; a model that Keras has saved "
                    "can't be used in its place.",
                    name, kGroup));
  }
  const std::int64_t version = file.integer_attribute(kGroup, "format_version");
  if (version > kArtifactFormatVersion) {
    throw UserError(
        fmt::format("{} has format version {}, but this program, mlp {}, reads versions up to {}. "
                    "Use a newer mlp, at least as new as the one that wrote the file.",
                    name, version, MLP_VERSION, kArtifactFormatVersion));
  }
  if (version < 1) file.fail(fmt::format("Its format version is {}.", version));

  const std::string text = file.text(kMetadata);
  const auto fail_to_understand = [&file](std::string_view reason) {
    constexpr std::size_t kLongest = 200;
    file.fail(fmt::format("{} can't be understood ({}).", kMetadata, reason.substr(0, kLongest)));
  };
  Artifact artifact;
  bool normalized = false;
  std::size_t dense_layers = 0;
  std::vector<EmbeddingConfig> embeddings;
  try {
    Json metadata = Json::parse(text);
    if (metadata.at("text_encoding") == kLatin1) recode_texts(metadata, utf8_to_latin1);
    metadata.at("normalized").get_to(normalized);
    dense_layers = count_from_json(metadata.at("dense_layers"));
    if (metadata.contains("embeddings")) embeddings = embeddings_from_json(metadata["embeddings"]);
    fill_from_metadata(artifact, metadata, version);
  } catch (const Json::exception& error) {
    fail_to_understand(error.what());
  } catch (const std::range_error& error) {
    fail_to_understand(error.what());
  }
  if (const std::string found = inconsistency(artifact); !found.empty()) file.fail(found);
  const std::string misfit = preprocessor_inconsistency(artifact, normalized, embeddings);
  if (!misfit.empty()) file.fail(misfit);
  if (normalized) read_normalization(file, artifact);
  read_embeddings(file, embeddings, artifact);
  read_dense_layers(file, dense_layers, artifact);
  return artifact;
}

}  // namespace mlp
