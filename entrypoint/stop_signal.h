#pragma once

namespace mlp {

// From now on SIGTERM and SIGINT ask for a stop, and a second one ends the process at once. A
// thread of its own waits for them: they are blocked in this one and in all that it makes. Call
// once, before threads are made.
void install_stop_signals();

// Whether a stop was asked for. Threads: any.
bool stop_requested();

// How long ago the stop was asked for; 0 where none was. Threads: any.
double seconds_since_stop();

}  // namespace mlp
