// SPDX-License-Identifier: Apache-2.0
/**
 * A live view of machines at work: what they have in memory, and how many events there are in a second.
 *
 * <p>{@link dev.samara.tool.top.SampleSource} takes samples, all of them through the public API of the library.
 * {@link dev.samara.tool.top.LiveView} takes one at each interval and gives it to a {@link
 * dev.samara.tool.top.ViewOutput}: {@link dev.samara.tool.top.LiveScreen} draws a terminal again and again,
 * {@link dev.samara.tool.top.PlainRows} and {@link dev.samara.tool.top.JsonRows} write lines.
 *
 * <p>A sample takes no lock of a space, and its numbers are not of one instant.
 */
@NullMarked
package dev.samara.tool.top;

import org.jspecify.annotations.NullMarked;
