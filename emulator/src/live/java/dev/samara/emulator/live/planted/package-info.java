// SPDX-License-Identifier: Apache-2.0
/** Rules of system calls that are broken on purpose, and found by scripts that the running kernel executes too. */
@NullMarked
package dev.samara.emulator.live.planted;

import org.jspecify.annotations.NullMarked;
