// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.image;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Machine;
import dev.samara.core.SpaceImage;
import dev.samara.core.backing.HostFile;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.Arrays;
import java.util.Map;
import java.util.StringJoiner;

/** Images in arrays, and the comparison of spaces. */
final class ImageFixture {
    private ImageFixture() {}

    static byte[] save(AddressSpace space) throws IOException {
        return save(space, Map.of());
    }

    static byte[] save(AddressSpace space, Map<String, byte[]> sections) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        space.save(Channels.newChannel(bytes), sections);
        return bytes.toByteArray();
    }

    static byte[] save(Checkpoint checkpoint) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        checkpoint.save(Channels.newChannel(bytes), Map.of());
        return bytes.toByteArray();
    }

    static byte[] saveSince(Checkpoint base, Checkpoint of, Map<String, byte[]> sections) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        of.saveSince(base, Channels.newChannel(bytes), sections);
        return bytes.toByteArray();
    }

    static byte[] saveSince(SpaceImage base, Checkpoint of) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        of.saveSince(base, Channels.newChannel(bytes), Map.of());
        return bytes.toByteArray();
    }

    /** Opens an image in an array, with increments. */
    static SpaceImage open(Machine machine, byte[]... chain) throws IOException {
        HostFile[] files = new HostFile[chain.length];
        for (int i = 0; i < files.length; i++) {
            files[i] = machine.openFile(
                    "image" + i, GEOMETRY, ByteBuffer.wrap(chain[i]).asReadOnlyBuffer());
        }
        SpaceImage opened = null;
        try {
            opened = machine.openImage(files[0], GEOMETRY, Arrays.copyOfRange(files, 1, files.length));
            return opened;
        } finally {
            for (int i = 0; opened == null && i < files.length; i++) {
                files[i].close();
            }
        }
    }

    static AddressSpace load(SpaceImage image, Machine machine) throws IOException {
        return image.load(machine.space(GEOMETRY));
    }

    /** Describes the mappings and all bytes of a space, except the backings. Guards and errors are part of it. */
    static String describe(AddressSpace space) {
        StringJoiner lines = new StringJoiner("\n");
        byte[] page = new byte[(int) PAGE];
        for (Vma vma : space.snapshot()) {
            lines.add(String.format("%x-%x %s %s", vma.start(), vma.end(), VmaFlags.format(vma.flags()), vma.name()));
            for (long at = vma.start(); at != vma.end(); at += PAGE) {
                Arrays.fill(page, (byte) 0);
                long read = space.readForced(at, page, 0, page.length);
                int content = Arrays.hashCode(page);
                if (read != PAGE || content != ZEROS) {
                    lines.add(String.format("  %x: %d %x", at, read, content));
                }
            }
        }
        return lines.toString();
    }

    private static final int ZEROS = Arrays.hashCode(new byte[(int) PAGE]);
}
