// SPDX-License-Identifier: Apache-2.0

/** The parts that programs measuring without JMH share: the command line and the output of figures. */
@NullMarked
package dev.samara.bench.report;

import org.jspecify.annotations.NullMarked;
