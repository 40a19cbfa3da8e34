// SPDX-License-Identifier: Apache-2.0
/** How much a guest can make the emulator hold. */
@NullMarked
package dev.samara.emulator.limit;

import org.jspecify.annotations.NullMarked;
