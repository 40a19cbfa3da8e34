// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

/**
 * Thrown for a packet that is malformed, or that refers to something that does not exist. The client receives an error,
 * and nothing changes.
 */
final class BadPacketException extends Exception {
    private static final long serialVersionUID = 1;

    BadPacketException() {
        super(null, null, false, false);
    }
}
