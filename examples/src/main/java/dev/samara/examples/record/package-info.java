// SPDX-License-Identifier: Apache-2.0
/**
 * What the two kinds of recording have in common: compressed lines, one recorded call per line, and its result.
 *
 * <p>{@link dev.samara.examples.record.RecordedLines} gives the lines and knows where they stand, so that every
 * complaint names file and line; what stands in front of the calls is collected in {@link
 * dev.samara.examples.record.HeaderValues}. {@link dev.samara.examples.record.Fields} takes the line of a call apart,
 * {@link dev.samara.examples.record.CallParser} makes a {@link dev.samara.examples.record.MemoryCall} of it, and {@link
 * dev.samara.examples.record.Outcome} is what the kernel answered. What a check finds is a {@link
 * dev.samara.examples.record.Difference}, and all it found in one file a {@link dev.samara.examples.record.FileReport}.
 */
@NullMarked
package dev.samara.examples.record;

import org.jspecify.annotations.NullMarked;
