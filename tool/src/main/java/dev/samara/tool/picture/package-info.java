// SPDX-License-Identifier: Apache-2.0
/**
 * Pictures of the command line tool, as SVG: {@link dev.samara.tool.picture.LayoutPicture} shows the mappings of a
 * space, {@link dev.samara.tool.picture.TimelinePicture} the events of a recording of the flight recorder, {@link
 * dev.samara.tool.picture.ScreenPicture} the live view.
 *
 * <p>A picture depends on its input only: two runs write equal bytes. It follows the light or the dark scheme of the
 * program that shows it. Everything here is immutable, or used by one thread.
 */
@NullMarked
package dev.samara.tool.picture;

import org.jspecify.annotations.NullMarked;
