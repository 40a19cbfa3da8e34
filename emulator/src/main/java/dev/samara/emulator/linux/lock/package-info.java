// SPDX-License-Identifier: Apache-2.0
/** File locks between the processes of a guest ({@code fs/locks.c}). */
@NullMarked
package dev.samara.emulator.linux.lock;

import org.jspecify.annotations.NullMarked;
