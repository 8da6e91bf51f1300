import { App, Duration, Stack } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { InferenceFabric } from 'inference-fabric/cdk';

const app = new App();
const stack = new Stack(app, 'Claims');

const fabric = new InferenceFabric(stack, 'Fabric', {
  configPath: 'fabric.config.ts',
  alarmTopic: new Topic(stack, 'Alarms'),
  oldestMessageAge: Duration.hours(2),
});

// Its parts are there to be used: here, a metric of one of its queues.
fabric.pipelines.get('wine')?.bundleQueue.metricNumberOfMessagesSent();
