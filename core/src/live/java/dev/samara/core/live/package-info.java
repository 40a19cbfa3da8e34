// SPDX-License-Identifier: Apache-2.0
/**
 * The running kernel as the judge of the library: {@link dev.samara.core.live.memory} for memory calls, {@link
 * dev.samara.core.live.file} for files of the host. {@link dev.samara.core.live.planted} breaks rules of the library on
 * purpose, and has both look for them.
 */
@NullMarked
package dev.samara.core.live;

import org.jspecify.annotations.NullMarked;
