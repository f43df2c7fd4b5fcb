#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/artifact.h"
#include "model/learner.h"
#include "model/predictor.h"

// Trains some steps from a description, for judges that are not in this language.
//
//   mlp_steps FOLDER
//
// FOLDER holds config.json, x.bin (float32 [rows, inputs], of which the last ones are numbers of
// categories, one for each of "embeddings"), and classes.bin (int32 [rows]) or
// values.bin (float32 [rows, outputs]), and weights.bin (float32 [rows]) where rows have weights.
// Batches are the rows in their order, again from the first one after the last. Writes before.bin
// and after.bin, the tables of embeddings and the weights of all layers (W, then b) as float32, and
// prints the mean loss of each step as a line. model.h5 is the model in the end, and
// predictions.bin (float32 [rows, outputs]) what it says of the rows.

namespace mlp {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

template <typename T>
std::vector<T> read_values(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  std::vector<T> values(bytes.size() / sizeof(T));
  std::copy_n(bytes.data(), values.size() * sizeof(T), reinterpret_cast<char*>(values.data()));
  return values;
}

void write_values(std::ofstream& file, const std::vector<float>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

void write_weights(const fs::path& path, const Weights& weights) {
  std::ofstream file(path, std::ios::binary);
  for (const EmbeddingWeights& embedding : weights.embeddings) write_values(file, embedding.values);
  for (const DenseWeights& layer : weights.layers) {
    write_values(file, layer.weight);
    write_values(file, layer.bias);
  }
}

template <typename Value>
Value chosen(const json& config, const char* key,
             std::initializer_list<std::pair<const char*, Value>> choices) {
  const auto name = config.at(key).get<std::string>();
  for (const auto& [known, value] : choices) {
    if (name == known) return value;
  }
  throw std::runtime_error(fmt::format("{}: {} is unknown", key, name));
}

LearnerConfig read_config(const json& config) {
  LearnerConfig learner;
  learner.network.inputs = config.at("inputs");
  for (const json& shape : config.at("embeddings")) {
    learner.network.embeddings.push_back({shape.at(0), shape.at(1)});
  }
  learner.network.hidden = config.at("hidden").get<std::vector<std::size_t>>();
  learner.network.outputs = config.at("outputs");
  learner.network.activation = find_activation(config.at("activation").get<std::string>()).value();
  learner.network.initializer =
      initializer_named(config.at("kernel_initializer").get<std::string>());
  learner.network.drop_rate = config.at("drop_rate");
  learner.loss.loss = chosen<Loss>(config, "loss",
                                   {{"softmax", Loss::kSoftmaxCrossEntropy},
                                    {"sigmoid", Loss::kSigmoidCrossEntropy},
                                    {"mean_squared_error", Loss::kMeanSquaredError},
                                    {"mean_absolute_error", Loss::kMeanAbsoluteError},
                                    {"huber", Loss::kHuber}});
  learner.loss.label_smoothing = config.at("label_smoothing");
  learner.loss.huber_deltas.assign(learner.network.outputs, config.at("huber_delta"));
  OptimizerConfig& optimizer = learner.optimizer;
  optimizer.kind = chosen<OptimizerKind>(
      config, "optimizer", {{"adam", OptimizerKind::kAdam}, {"sgd", OptimizerKind::kSgd}});
  optimizer.learning_rate = config.at("learning_rate");
  optimizer.beta1 = config.at("beta_1");
  optimizer.beta2 = config.at("beta_2");
  optimizer.epsilon = config.at("epsilon");
  optimizer.momentum = config.at("momentum");
  optimizer.nesterov = config.at("nesterov");
  optimizer.weight_decay = config.at("weight_decay");
  optimizer.global_clipnorm = config.at("global_clipnorm");
  optimizer.schedule.schedule = chosen<Schedule>(config, "schedule",
                                                 {{"constant", Schedule::kConstant},
                                                  {"cosine", Schedule::kCosine},
                                                  {"step", Schedule::kStep}});
  optimizer.schedule.warmup_steps = config.at("warmup_steps");
  optimizer.schedule.decay_steps = config.at("decay_steps");
  optimizer.schedule.alpha = config.at("alpha");
  optimizer.schedule.decay_rate = config.at("decay_rate");
  learner.batch_size = config.at("batch_size");
  learner.num_threads = config.at("num_threads");
  learner.seed = config.at("seed");
  learner.precision = chosen<Precision>(
      config, "precision", {{"float32", Precision::kFloat32}, {"bfloat16", Precision::kBfloat16}});
  return learner;
}

std::string model_bytes(const LearnerConfig& config, const Weights& weights) {
  Artifact artifact;
  artifact.schema.row_shape = {config.network.inputs};
  const bool classes = config.loss.loss == Loss::kSoftmaxCrossEntropy;
  artifact.schema.task = classes                           ? Task::kClassification
                         : is_regression(config.loss.loss) ? Task::kRegression
                                                           : Task::kMultilabel;
  if (!classes) artifact.schema.targets = config.network.outputs;
  if (artifact.schema.task != Task::kRegression) {
    for (std::size_t i = 0; i < config.network.outputs; ++i)
      artifact.schema.labels.push_back(std::to_string(i));
  }
  artifact.drop_rate = config.network.drop_rate;
  artifact.activation = config.network.activation;
  artifact.weights = weights;
  return to_bytes(artifact);
}

void write_model(const fs::path& folder, const LearnerConfig& config, const Weights& weights,
                 const FeatureView& features) {
  const std::string bytes = model_bytes(config, weights);
  std::ofstream(folder / "model.h5", std::ios::binary) << bytes;
  Predictor::Workspace workspace;
  std::ofstream file(folder / "predictions.bin", std::ios::binary);
  write_values(file,
               Predictor(artifact_from_bytes(bytes, "model.h5")).predict(features, workspace));
}

void train_steps(const fs::path& folder) {
  const json config = json::parse(std::ifstream(folder / "config.json"));
  const LearnerConfig learner_config = read_config(config);
  Features features;
  features.width = learner_config.network.inputs;
  features.floats = read_values<float>(folder / "x.bin");
  const std::vector<std::int32_t> classes = read_values<std::int32_t>(folder / "classes.bin");
  const std::vector<float> values = read_values<float>(folder / "values.bin");
  const std::vector<float> weights = read_values<float>(folder / "weights.bin");
  std::vector<std::uint32_t> rows(features.rows());
  std::iota(rows.begin(), rows.end(), 0U);

  Team team(learner_config.num_threads);
  Learner learner(learner_config, team);
  write_weights(folder / "before.bin", learner.weights());
  Batch batch;
  batch.features = features.view();
  batch.targets = {classes.data(), values.data(), weights.empty() ? nullptr : weights.data()};
  const auto steps = config.at("steps").get<std::size_t>();
  std::size_t first = 0;
  for (std::size_t step = 0; step < steps; ++step) {
    const std::size_t count = std::min(learner_config.batch_size, rows.size() - first);
    batch.rows = std::span(rows).subspan(first, count);
    const LossSums sums = learner.step(batch);
    std::cout << fmt::format("{}\n", sums.loss / static_cast<double>(sums.rows));
    first = (first + count) % rows.size();
  }
  write_weights(folder / "after.bin", learner.weights());
  write_model(folder, learner_config, learner.weights(), features.view());
}

}  // namespace
}  // namespace mlp

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("expected one argument, a folder");
    mlp::train_steps(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
