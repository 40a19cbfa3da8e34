// SPDX-License-Identifier: Apache-2.0
/** Rules of system calls that are broken on purpose, and that scripts find which the running kernel also executes. */
@NullMarked
package dev.samara.emulator.live.planted;

import org.jspecify.annotations.NullMarked;
