// SPDX-License-Identifier: Apache-2.0
/**
 * SVG pictures of the command line tool: {@link dev.samara.tool.picture.LayoutPicture} shows the mappings of a space,
 * {@link dev.samara.tool.picture.TimelinePicture} shows the events of a recording of the flight recorder, and {@link
 * dev.samara.tool.picture.ScreenPicture} shows the live view.
 *
 * <p>A picture depends only on its input, so two runs write equal bytes. It uses the light or the dark colour scheme of
 * the viewer. All objects are immutable, or used by one thread.
 */
@NullMarked
package dev.samara.tool.picture;

import org.jspecify.annotations.NullMarked;
