// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

/**
 * Thrown for a packet that is malformed, or asks for something that does not exist: the client gets an error, and
 * nothing is changed.
 */
final class BadPacketException extends Exception {
    private static final long serialVersionUID = 1;

    BadPacketException() {
        super(null, null, false, false);
    }
}
