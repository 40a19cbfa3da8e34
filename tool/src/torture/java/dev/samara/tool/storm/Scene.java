// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.Machine;

/** The context that all parts of a storm share. */
record Scene(Machine machine, Course course, StormRules rules, RandomPauses pauses) {}
