// SPDX-License-Identifier: Apache-2.0
/**
 * Rules of system calls that are broken on purpose. Scripts find each of them, and the running kernel executes the same
 * scripts.
 */
@NullMarked
package dev.samara.emulator.live.planted;

import org.jspecify.annotations.NullMarked;
