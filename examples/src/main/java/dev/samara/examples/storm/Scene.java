// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.storm;

import dev.samara.core.Machine;

/** What all parts of a storm have in common. */
record Scene(Machine machine, Course course, Judges judges, Naps naps) {}
