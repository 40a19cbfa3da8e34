// SPDX-License-Identifier: Apache-2.0
/**
 * Images of spaces: the format, its checks, and the backing from which a loaded space reads its pages.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What does an image contain, and in which order is it checked?</td>
 *       <td>{@link dev.samara.core.internal.image.ImageFormat}</td></tr>
 *   <tr><td>Which bytes does a page of a loaded mapping have, and when are they verified?</td>
 *       <td>{@link dev.samara.core.internal.image.ImageFile}</td></tr>
 *   <tr><td>How are the pages of a space read while it is saved?</td>
 *       <td>{@link dev.samara.core.internal.image.PrivatePages}</td></tr>
 *   <tr><td>What is saved, and how is it loaded?</td>
 *       <td>{@link dev.samara.core.SpaceImage}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.core.internal.image;

import org.jspecify.annotations.NullMarked;
