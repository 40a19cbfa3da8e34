// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Chooses arguments: near mappings, near earlier arguments, and at edges. */
final class Arguments {
    private static final long PAGE = 4096;
    private static final long HUGE = 512 * PAGE;
    private static final int REMEMBERED = 16;
    private static final long LIMIT = KernelWorld.GEOMETRY.limit();

    private final Random random;
    private final World kind;
    private final Place world;
    private final List<Long> remembered = new ArrayList<>();
    private List<Vma> vmas = List.of();

    Arguments(Random random, World kind, Place world) {
        this.random = random;
        this.kind = kind;
        this.world = world;
    }

    /** Sets the mappings of the process that acts next. */
    void use(List<Vma> now) {
        List<Vma> own = now.stream()
                .filter(vma -> world.isWithin(vma.start(), vma.end()))
                .toList();
        vmas = own.isEmpty() || random.nextInt(12) == 0 ? now : own;
    }

    void remember(Operation operation) {
        if (operation.verb().kinds().startsWith("a")) {
            if (remembered.size() == REMEMBERED) {
                remembered.remove(random.nextInt(REMEMBERED));
            }
            remembered.add(operation.argument(0));
        }
    }

    long one(long... of) {
        return of[random.nextInt(of.length)];
    }

    /** Returns an address, usually a page boundary in the world. */
    long address() {
        int choice = random.nextInt(40);
        if (choice == 0) {
            return one(0, 1, PAGE, world.base() - PAGE, world.end(), LIMIT, LIMIT - PAGE, -2 * PAGE, 1L << 63);
        }
        if (choice < 24 && !vmas.isEmpty()) {
            Vma vma = vmas.get(random.nextInt(vmas.size()));
            long edge = random.nextInt(3) == 0 ? vma.end() : vma.start();
            long at = edge + one(0, 0, 0, 0, 0, PAGE, -PAGE, 2 * PAGE, choice == 1 ? 1 : 0);
            if (at >= Range.start(world) && at <= Range.end(world)) {
                return at;
            }
        }
        if (choice < 30 && !remembered.isEmpty()) {
            return remembered.get(random.nextInt(remembered.size()));
        }
        if (kind == World.LARGE && choice < 34) {
            return (world.base() + HUGE - 1 & -HUGE) + one(0, HUGE, HUGE - PAGE, PAGE);
        }
        long at = world.base() + random.nextInt(kind.pages()) * PAGE;
        return choice == 39 ? at + one(1, 8, PAGE - 1) : at;
    }

    /** Returns an address, usually that of an attached segment. */
    long attachment(long other) {
        List<Vma> attached = vmas.stream()
                .filter(vma -> vma.backing() instanceof SharedSegment.Attachment)
                .toList();
        return attached.isEmpty() || random.nextInt(4) == 0
                ? other
                : attached.get(random.nextInt(attached.size())).start();
    }

    /** Returns an address for a load or a store, often at the end of a page. */
    long byteAddress() {
        long page = address() & -PAGE;
        if (random.nextInt(4) == 0 && !vmas.isEmpty()) {
            Vma vma = vmas.get(random.nextInt(vmas.size()));
            // Below a stack, so that it grows.
            page = vma.start() - one(1, 2, 3, 10, 300) * PAGE;
        }
        if (page < 0 || Long.compareUnsigned(page, Range.start(world)) < 0 || page >= Range.end(world)) {
            page = world.base() + random.nextInt(kind.pages()) * PAGE;
        }
        return page + one(0, 0, 0, 0, 8, 1, PAGE - 1, PAGE - 2, PAGE - 4, PAGE - 7, PAGE - 8);
    }

    /** Returns a length for a range that starts at an address. */
    long length(long at) {
        int choice = random.nextInt(40);
        if (choice == 0) {
            return one(0, 0, -1, -PAGE, -at, -at - PAGE, LIMIT, LIMIT - at, 1L << 63, -1 - at);
        }
        if (choice == 1) {
            return one(1, PAGE - 1, PAGE + 1);
        }
        if (choice < 22) {
            for (Vma vma : vmas) {
                if (vma.start() <= at && at < vma.end() && vma.end() <= Range.end(world)) {
                    return vma.end() - at + one(0, 0, 0, 0, 0, PAGE, -PAGE);
                }
            }
        }
        if (kind == World.LARGE && choice < 26) {
            return HUGE * one(1, 1, 2) + one(0, 0, PAGE);
        }
        if (choice == 26) {
            return world.end() - at;
        }
        int most = kind.pages() > 128 && choice > 34 ? kind.pages() / 2 : 8;
        return (1 + random.nextInt(most)) * PAGE;
    }

    long protection() {
        int choice = random.nextInt(20);
        return switch (choice) {
            case 0 -> one(0x10, 8, 11, 1 << 24, 1 << 25, 3 << 24, 0x3 | 1 << 24, 0x3 | 1 << 25, 1L << 31);
            case 1, 2, 3 -> random.nextInt(8);
            case 4, 5 -> 0;
            case 6, 7, 8 -> 1;
            default -> 3;
        };
    }

    /**
     * Returns privileges. Only a privileged process may map the lowest pages. Two kernel settings, whose defaults
     * depend on the kernel's configuration, define which pages these are.
     */
    long privileges() {
        return kind == World.LOW ? one(2, 3) : one(0, 1, 2, 3);
    }

    /** Returns privileges without the one to lock more memory than the limit. */
    long withoutLocking() {
        return kind == World.LOW ? 2 : one(0, 2);
    }

    long brk() {
        long start = world.brk();
        return random.nextInt(20) == 0
                ? one(0, 1, start - 1, start - PAGE, LIMIT, -1, 1L << 63)
                : start + one(0, PAGE, 3 * PAGE, random.nextInt(40) * PAGE, random.nextInt(300) * PAGE, 1, 5000);
    }

    /** Returns an offset in a file, or a size of a file. */
    long fileOffset() {
        int choice = random.nextInt(30);
        if (choice == 0) {
            return one(-1, Long.MAX_VALUE, 1L << 63, Long.MAX_VALUE - PAGE, 1L << 40);
        }
        long page = random.nextInt(choice < 10 ? 40 : 14) * PAGE;
        return page + one(0, 0, 0, 0, 1, 100, PAGE - 1, 4090);
    }

    /** Returns an offset for a mapping. */
    long mapOffset() {
        int choice = random.nextInt(30);
        if (choice == 0) {
            return one(1, 100, -PAGE, 1L << 63, Long.MAX_VALUE & -PAGE, (1L << 44) - PAGE, 1L << 60);
        }
        return random.nextInt(choice < 8 ? 40 : 10) * PAGE;
    }
}
