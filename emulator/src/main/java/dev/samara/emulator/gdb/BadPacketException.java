// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

/** A packet is none of the protocol, or asks for what there is not: the client gets an error, nothing is changed. */
final class BadPacketException extends Exception {
    private static final long serialVersionUID = 1;

    BadPacketException() {
        super(null, null, false, false);
    }
}
