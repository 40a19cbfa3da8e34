// SPDX-License-Identifier: Apache-2.0

/** The common parts of the programs that measure without JMH: the command line and the output of figures. */
@NullMarked
package dev.samara.bench.report;

import org.jspecify.annotations.NullMarked;
