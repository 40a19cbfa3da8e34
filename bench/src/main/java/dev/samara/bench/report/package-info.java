// SPDX-License-Identifier: Apache-2.0

/**
 * What a program that measures by itself, without JMH, needs besides what it measures: its command line, and a place
 * for its figures.
 */
@NullMarked
package dev.samara.bench.report;

import org.jspecify.annotations.NullMarked;
