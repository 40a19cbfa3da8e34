// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.SpaceImage;
import dev.samara.core.backing.HostFile;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Errno;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The end of an image concurrently with other uses of it. Whoever ends the last use closes the page caches and the file,
 * so at the end no frame is in use and the file is closed.
 */
final class ImageScenarios {
    private ImageScenarios() {}

    /** An image of one page with 7, and a space that was loaded from it and has read the page. */
    abstract static class OfImage extends Calls {
        private @Nullable SpaceImage image;
        private @Nullable HostFile file;

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, AT);
            byte[] bytes = save(state.space);
            state.space.munmap(AT, PAGE);
            HostFile opened = state.machine.openFile(
                    "image", LINUX, ByteBuffer.wrap(bytes).asReadOnlyBuffer());
            file = opened;
            try {
                image = state.machine.openImage(opened, LINUX);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
            if (hasLoaded()) {
                String unused = loadOf(state, "first");
                readFirst(state, cpu);
            }
        }

        /** Returns whether a space is loaded before the calls. */
        boolean hasLoaded() {
            return true;
        }

        final SpaceImage image() {
            return Objects.requireNonNull(image, "before the beginning");
        }

        final void readFirst(State state, Cpu cpu) {
            AddressSpace before = Objects.requireNonNull(cpu.space());
            cpu.switchTo(state.child("first"));
            String loaded = load(cpu, AT);
            cpu.switchTo(before);
            if (!loaded.equals("7")) {
                throw new AssertionError("saved 7, loaded " + loaded);
            }
        }

        static byte[] save(AddressSpace space) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try {
                space.save(Channels.newChannel(bytes), Map.of());
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
            return bytes.toByteArray();
        }

        /** Loads a space. A load that finds the image closed says so, and no other failure is possible. */
        final String loadOf(State state, String name) {
            try {
                state.children.put(name, image().load(state.machine.space(LINUX)));
                return "loaded";
            } catch (IllegalStateException closed) {
                return "closed";
            } catch (IOException failed) {
                throw new AssertionError("a load of a closed file", failed);
            }
        }

        /** Verifies the image, with the same outcomes as a load. */
        final String verify() {
            try {
                image().verify();
                return "verified";
            } catch (IllegalStateException closed) {
                return "closed";
            } catch (IOException failed) {
                throw new AssertionError("a read of a closed file", failed);
            }
        }

        final Operation closing() {
            return (state, cpu) -> {
                image().close();
                return "closed";
            };
        }

        /** Closes the loaded space. */
        static Operation closingFirst() {
            return (state, cpu) -> {
                state.child("first").close();
                return "closed";
            };
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            image().close();
        }

        @Override
        protected void judgeClosed() {
            long read = Objects.requireNonNull(file).pread(ByteBuffer.allocate(1), 0);
            if (read != Errno.EBADF.result()) {
                throw new AssertionError("the file of the image is open: " + read);
            }
        }
    }

    /** A load concurrently with the close: it loads, and its pages can be read, or it finds the image closed. */
    static final class LoadBesideClose extends OfImage {
        LoadBesideClose() {
            calls().put("load", (state, cpu) -> {
                String result = loadOf(state, "second");
                if (result.equals("loaded")) {
                    cpu.switchTo(state.child("second"));
                    if (!load(cpu, AT).equals("7")) {
                        throw new AssertionError("loaded " + load(cpu, AT));
                    }
                    cpu.switchTo(state.space);
                }
                return result;
            });
            calls().put("close", closing());
        }

        @Override
        boolean hasLoaded() {
            return false;
        }
    }

    /** A verification concurrently with the close. */
    static final class VerifyBesideClose extends OfImage {
        VerifyBesideClose() {
            calls().put("verify", (state, cpu) -> verify());
            calls().put("close", closing());
        }

        @Override
        boolean hasLoaded() {
            return false;
        }
    }

    /** Two closes, of which one ends the owner's use. */
    static final class TwoCloses extends OfImage {
        TwoCloses() {
            calls().put("close", closing());
            calls().put("again", closing());
        }

        /** The space keeps the image open. */
        @Override
        protected void judge(State state, Cpu cpu) {
            readFirst(state, cpu);
        }
    }

    /** The close of the image concurrently with the close of its only space. */
    static final class CloseBesideLastSpace extends OfImage {
        CloseBesideLastSpace() {
            calls().put("close", closing());
            calls().put("space", closingFirst());
        }
    }

    /** A save of a loaded space concurrently with the close of the image. */
    static final class SaveBesideClose extends OfImage {
        SaveBesideClose() {
            calls().put("save", (state, cpu) -> save(state.child("first")).length > PAGE ? "saved" : "empty");
            calls().put("close", closing());
        }
    }
}
