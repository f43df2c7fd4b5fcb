#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace mlp {

// What mlp describe tells of: `hyperparameters` as describe_hyperparameters() gives them, and
// `metric_definitions`, a list of {"Name", "Regex"}.
struct Description {
  nlohmann::ordered_json hyperparameters;
  nlohmann::ordered_json metric_definitions;
};

// Python for SageMaker's SDK, version 2: metric_definitions and hyperparameter_ranges, as Estimator
// and HyperparameterTuner of sagemaker.estimator and sagemaker.tuner take them.
std::string python_v2_text(const Description& description);

// The same for version 3: as ModelTrainer and HyperparameterTuner of sagemaker.train take them.
std::string python_v3_text(const Description& description);

// {"ParameterRanges", "MetricDefinitions"}, for HyperParameterTuningJobConfig and
// AlgorithmSpecification of CreateHyperParameterTuningJob.
nlohmann::ordered_json tuning_job_json(const Description& description);

// The page docs/hyperparameters.md.
std::string hyperparameters_page(const Description& description);

}  // namespace mlp
