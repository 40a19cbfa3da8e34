// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.Machine;

/** The common context of all parts of a storm. */
record Scene(Machine machine, Course course, StormRules rules, RandomPauses pauses) {}
