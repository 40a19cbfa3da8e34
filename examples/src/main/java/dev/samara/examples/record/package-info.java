// SPDX-License-Identifier: Apache-2.0
/**
 * The common parts of the two kinds of recording: compressed lines, one recorded call per line, and its result.
 *
 * <p>{@link dev.samara.examples.record.RecordedLines} returns the lines with their numbers, so that every exception
 * names file and line. {@link dev.samara.examples.record.HeaderValues} collects the header. {@link
 * dev.samara.examples.record.Fields} splits the line of a call, {@link dev.samara.examples.record.CallParser} makes a
 * {@link dev.samara.examples.record.MemoryCall} of it, and {@link dev.samara.examples.record.Outcome} is the kernel's
 * answer. A finding of a check is a {@link dev.samara.examples.record.Difference}, and all findings in one file are a
 * {@link dev.samara.examples.record.FileReport}.
 */
@NullMarked
package dev.samara.examples.record;

import org.jspecify.annotations.NullMarked;
