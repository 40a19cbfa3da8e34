// SPDX-License-Identifier: Apache-2.0
/**
 * Machines whose housekeeping is called by the embedder, or runs on the embedder's executor.
 */
@NullMarked
package dev.samara.core.housekeeping;

import org.jspecify.annotations.NullMarked;
