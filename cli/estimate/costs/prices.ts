/** Region and date of the prices. They differ by region, and change. */
export const PRICES_OF = { region: 'us-east-1', date: '2026-11-21' } as const;

/**
 * List prices in dollars, before free tiers, discounts and taxes. AWS's pages insert most of them by script, so each
 * page is listed with a second source.
 *
 * - Lambda: https://aws.amazon.com/lambda/pricing/, https://cloudchipr.com/blog/aws-lambda-pricing
 * - SQS, S3 Standard: https://aws.amazon.com/sqs/pricing/, https://aws.amazon.com/s3/pricing/ (without a second source)
 * - EC2, Linux on demand: https://aws.amazon.com/ec2/pricing/on-demand/; g5.xlarge also in
 *   https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/, the others in price tables of
 *   public repositories
 * - The fee of ECS Managed Instances, as a share of the instance's price: https://aws.amazon.com/ecs/pricing/ has $0.037
 *   for a c6a.2xlarge of $0.306, which is 12 %; for g6.xlarge and g6e.xlarge it was 7.8 % on a published bill from Tokyo.
 *   It is assumed to be the same for all types of a kind.
 * - Public IPv4 addresses: https://aws.amazon.com/blogs/aws/new-aws-public-ipv4-address-charge-public-ip-insights/
 * - gp3 volumes: https://aws.amazon.com/ebs/pricing/
 */
export const PRICES = {
  lambdaArm64GbSec: 0.000_013_333_4,
  lambdaX86GbSec: 0.000_016_666_7,
  lambdaMillionRequests: 0.2,
  /** Ephemeral storage above 512 MB. */
  lambdaDiskGbSec: 0.000_000_030_9,
  sqsMillionRequests: 0.4,
  s3ThousandPuts: 0.005,
  s3ThousandGets: 0.0004,
  managedCpuFeeShare: 0.12,
  managedGpuFeeShare: 0.078,
  addressHour: 0.005,
  diskGbMonth: 0.08,
  'm7i.large': 0.1008,
  'm7i.xlarge': 0.2016,
  'm7i.2xlarge': 0.4032,
  'm7i.4xlarge': 0.8064,
  'm7i.8xlarge': 1.6128,
  'm7i.16xlarge': 3.2256,
  'g4dn.xlarge': 0.526,
  'g5.xlarge': 1.006,
  'g6.xlarge': 0.8048,
} as const;

export type PriceName = keyof typeof PRICES;
export type Prices = Readonly<Record<PriceName, number>>;

/** Returns the prices with some of them replaced. @throws TypeError if a name is unknown or a value is not a price */
export function pricesWith(others: unknown): Prices {
  if (typeof others !== 'object' || others === null || Array.isArray(others)) {
    throw new TypeError('prices must be an object of dollars by name');
  }
  for (const [name, value] of Object.entries(others) as [string, unknown][]) {
    if (!Object.hasOwn(PRICES, name)) {
      throw new TypeError(`there is no price '${name}': the names are ${Object.keys(PRICES).join(', ')}`);
    }
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw new TypeError(
        `the price '${name}' must be a number of dollars, 0 or more: current value is ${JSON.stringify(value)}`,
      );
    }
  }
  return { ...PRICES, ...others };
}
