// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** The addresses of a program's symbols. */
final class ElfSymbols {
    private static final int SECTIONS = 40;
    private static final int SECTION_BYTES = 64;
    private static final int SECTION_COUNT = 60;
    private static final int SYMBOL_TABLE = 2;
    private static final int SYMBOL_BYTES = 24;

    private final Map<String, Long> addresses = new HashMap<>();

    ElfSymbols(Path program) throws IOException {
        ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(program)).order(ByteOrder.LITTLE_ENDIAN);
        int sections = (int) file.getLong(SECTIONS);
        for (int i = 0; i < file.getShort(SECTION_COUNT); i++) {
            int section = sections + i * SECTION_BYTES;
            if (file.getInt(section + 4) == SYMBOL_TABLE) {
                int names = (int) file.getLong(sections + file.getInt(section + 40) * SECTION_BYTES + 24);
                add(file, (int) file.getLong(section + 24), (int) file.getLong(section + 32), names);
            }
        }
    }

    private void add(ByteBuffer file, int start, int length, int names) {
        for (int at = start; at < start + length; at += SYMBOL_BYTES) {
            StringBuilder name = new StringBuilder();
            for (int i = names + file.getInt(at); file.get(i) != 0; i++) {
                name.append((char) file.get(i));
            }
            addresses.put(name.toString(), file.getLong(at + 8));
        }
    }

    long address(String name) {
        Long address = addresses.get(name);
        if (address == null) {
            throw new IllegalArgumentException("there is no symbol " + name);
        }
        return address;
    }
}
