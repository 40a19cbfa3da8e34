// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.util.HexFormat;

/** The packets about registers: {@code g}, {@code G}, {@code p} and {@code P}. Numbers are little-endian. */
final class RegisterCommands {
    private final ClientThreads threads;
    private final ClientState client;

    RegisterCommands(ClientThreads threads, ClientState client) {
        this.threads = threads;
        this.client = client;
    }

    private static void append(StringBuilder to, long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            to.append(HexFormat.of().toHexDigits((byte) (value >> (i * Byte.SIZE))));
        }
    }

    private static long number(byte[] from, int at, int bytes) {
        long value = 0;
        for (int i = bytes - 1; i >= 0; i--) {
            value = (value << Byte.SIZE) | (from[at + i] & 0xff);
        }
        return value;
    }

    private long[] registers(int tid) throws BadPacketException {
        long[] registers = threads.registers(tid);
        if (registers == null) {
            throw new BadPacketException();
        }
        return registers;
    }

    String readAll() throws BadPacketException {
        StringBuilder text = new StringBuilder();
        long[] registers = registers(client.selectedThread());
        for (int i = 0; i < registers.length; i++) {
            append(text, registers[i], RegisterSet.size(i));
        }
        return text.toString();
    }

    String writeAll(PacketFields fields) throws BadPacketException {
        byte[] bytes = fields.bytes();
        int tid = client.selectedThread();
        int at = 0;
        for (int i = 0; i < RegisterSet.count(); i++) {
            at += RegisterSet.size(i);
        }
        if (at != bytes.length) {
            throw new BadPacketException();
        }
        at = 0;
        for (int i = 0; i < RegisterSet.count(); i++) {
            int size = RegisterSet.size(i);
            if (size != 0 && !threads.setRegister(tid, i, number(bytes, at, size))) {
                throw new BadPacketException();
            }
            at += size;
        }
        return "OK";
    }

    private static int number(PacketFields fields) throws BadPacketException {
        int number = fields.hex(RegisterSet.count() - 1);
        if (RegisterSet.size(number) == 0) {
            throw new BadPacketException();
        }
        return number;
    }

    String readOne(PacketFields fields) throws BadPacketException {
        int number = number(fields);
        fields.expectEnd();
        StringBuilder text = new StringBuilder();
        append(text, registers(client.selectedThread())[number], RegisterSet.size(number));
        return text.toString();
    }

    String writeOne(PacketFields fields) throws BadPacketException {
        int number = number(fields);
        fields.expect('=');
        byte[] bytes = fields.bytes();
        int size = RegisterSet.size(number);
        if (bytes.length != size || !threads.setRegister(client.selectedThread(), number, number(bytes, 0, size))) {
            throw new BadPacketException();
        }
        return "OK";
    }

    /**
     * Returns the registers that describe a frame, for the reply about a stop, so that the client need not request
     * them.
     */
    String expedited(int tid) {
        StringBuilder text = new StringBuilder();
        long[] registers = threads.registers(tid);
        if (registers != null) {
            for (int number : new int[] {2, 8, RegisterSet.PC}) {
                text.append(HexFormat.of().toHexDigits((byte) number)).append(':');
                append(text, registers[number], Long.BYTES);
                text.append(';');
            }
        }
        return text.toString();
    }
}
