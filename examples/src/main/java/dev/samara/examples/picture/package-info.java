// SPDX-License-Identifier: Apache-2.0
/**
 * Pictures of the command line tool, as SVG: {@link dev.samara.examples.picture.LayoutPicture} shows the mappings of a
 * space, {@link dev.samara.examples.picture.TimelinePicture} the events of a recording of the flight recorder, {@link
 * dev.samara.examples.picture.ScreenPicture} the live view.
 *
 * <p>A picture depends on its input only: two runs write equal bytes. It follows the light or the dark scheme of the
 * program that shows it. Everything here is immutable, or used by one thread.
 */
@NullMarked
package dev.samara.examples.picture;

import org.jspecify.annotations.NullMarked;
