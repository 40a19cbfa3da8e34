// SPDX-License-Identifier: Apache-2.0
/**
 * A live view of machines at work: what they have in memory, and how many events there are in a second.
 *
 * <p>{@link dev.samara.examples.top.SampleSource} takes samples, all of them through the public API of the library.
 * {@link dev.samara.examples.top.LiveView} takes one at each interval and gives it to a {@link
 * dev.samara.examples.top.ViewOutput}: {@link dev.samara.examples.top.LiveScreen} draws a terminal again and again,
 * {@link dev.samara.examples.top.PlainRows} and {@link dev.samara.examples.top.JsonRows} write lines.
 *
 * <p>A sample takes no lock of a space, and its numbers are not of one instant.
 */
@NullMarked
package dev.samara.examples.top;

import org.jspecify.annotations.NullMarked;
