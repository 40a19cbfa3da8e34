// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.ProcMaps;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Loads the mappings of a running Linux process and looks up the mapping of an address. */
public final class MapsOfThisProcess {
    private static final Path MAPS = Path.of("/proc/self/maps");

    private MapsOfThisProcess() {}

    /**
     * Loads the mappings of this process, looks an address up and prints its line.
     *
     * @param arguments the address, in hexadecimal; the default is the middle of the first mapping
     * @throws IOException if the mappings cannot be read
     */
    public static void main(String[] arguments) throws IOException {
        print(MAPS, arguments);
    }

    static void print(Path maps, String... arguments) throws IOException {
        if (!Files.isReadable(maps)) {
            System.out.println("Sorry, this needs Linux: there is no " + maps + " to be read here.");
            return;
        }
        List<Vma> mapped = ProcMaps.parse(Geometry.LINUX_X86_64, read(maps), List.of(), ProcMaps.openOnce());
        Machine machine = Machine.builder().build();
        try (AddressSpace space =
                machine.space(Geometry.LINUX_X86_64).load(mapped).build()) {
            Vma first = mapped.get(0);
            long address = arguments.length > 0
                    ? Long.parseUnsignedLong(arguments[0], 16)
                    : first.start() + first.length() / 2;
            Vma found = space.find(address);
            System.out.println(mapped.size() + " mappings were loaded.");
            if (found == null) {
                System.out.println(Long.toHexString(address) + " lies in none of them.");
                return;
            }
            System.out.println(Long.toHexString(address) + " lies in");
            // The lines of a snapshot are in the order of its VMAs.
            int index = space.snapshot().vmas().indexOf(found);
            System.out.println("  " + space.snapshot().maps().get(index));
        }
    }

    /**
     * Reads the lines until two consecutive reads return the same lines. Linux writes the file page by page, so a
     * mapping may appear twice if the mappings change in between.
     */
    static List<String> read(Path maps) throws IOException {
        List<String> lines = Files.readAllLines(maps);
        for (List<String> before = List.of(); !lines.equals(before); ) {
            before = lines;
            lines = Files.readAllLines(maps);
        }
        return lines;
    }
}
