// SPDX-License-Identifier: Apache-2.0
/** The limits of the resources that a guest can make the emulator use. */
@NullMarked
package dev.samara.emulator.limit;

import org.jspecify.annotations.NullMarked;
