// SPDX-License-Identifier: Apache-2.0

/**
 * What Samara costs, measured beside what a program would otherwise use.
 *
 * <p>A figure is comparable with another of the same run only. {@code java -jar bench/target/benchmarks.jar} runs all.
 */
@NullMarked
package dev.samara.bench;

import org.jspecify.annotations.NullMarked;
